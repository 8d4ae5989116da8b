"""A TCP proxy in front of the store: delays, cuts before and after a request was passed on, loses replies.

It knows where requests begin and end, so that a fault meets a whole flush or a claim and not just any byte.
Calls of scripts stand alone on their connection, so what comes from the store after one is its reply.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from typing import Final, Literal, Self

from deploy.local.process import LOOPBACK, free_port

__all__ = ["Proxy", "Spoiling"]

Spoiling = Literal["request lost", "request cut", "reply lost", "reply cut", "reply dropped"]
"""What may happen to one call: it never arrives; half of it arrives; the store did it, and the connection
ends before the reply or within it; the store did it, and nothing is heard of it for ever."""

_CALLS: Final = {b"EVALSHA", b"EVAL"}
_PIECE: Final = 64 * 1024


class Proxy:
    """Passes connections on to a store, and spoils some of what goes through.

    Args:
        store_port: port of the store on the loopback address; it may come and go.

    Attributes:
        delay_s: how long each reply waits.
        away: whether nobody is served.
        seen: number of ``calls`` of scripts, of replies that were ``delayed``, of connections ``refused``,
            and of calls spoilt in each way.
    """

    def __init__(self, store_port: int) -> None:
        self.port: Final = free_port()
        self.delay_s = 0.0
        self.away = False
        self.seen: Counter[str] = Counter()
        self._store_port = store_port
        self._orders: deque[tuple[Spoiling, asyncio.Event]] = deque()
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """``redis://`` URL of database 0 behind the proxy."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        self.cut_all()
        await self._server.wait_closed()

    async def spoil(self, how: Spoiling, *, within_s: float) -> bool:
        """Spoil the next call of a script; return whether one came in time."""
        order = (how, asyncio.Event())
        self._orders.append(order)
        try:
            async with asyncio.timeout(within_s):
                await order[1].wait()
        except TimeoutError:
            pass
        finally:
            with contextlib.suppress(ValueError):
                self._orders.remove(order)
        return order[1].is_set()

    @contextlib.asynccontextmanager
    async def slow(self, delay_s: float) -> AsyncIterator[None]:
        """Let each reply wait for the length of the block."""
        self.delay_s = delay_s
        try:
            yield
        finally:
            self.delay_s = 0.0

    def cut_all(self) -> None:
        """End every connection."""
        for link in list(self._links):
            link.cut()

    async def _serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if self.away:
            self.seen["refused"] += 1
            back.transport.abort()
            return
        try:
            replies, store = await asyncio.open_connection(LOOPBACK, self._store_port)
        except OSError:
            self.seen["refused"] += 1
            back.transport.abort()
            return
        link = _Link(self, back, store)
        self._links.add(link)
        ways = [asyncio.ensure_future(link.requests(client)), asyncio.ensure_future(link.replies(replies))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._links.discard(link)
            link.cut()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    def take_order(self) -> tuple[Spoiling, asyncio.Event] | None:
        """Return what is to happen to the call that has just come, if anything."""
        return self._orders.popleft() if self._orders else None


class _Link:
    """One connection."""

    def __init__(self, proxy: Proxy, back: asyncio.StreamWriter, store: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._back = back
        self._store = store
        self._order: tuple[Spoiling, asyncio.Event] | None = None

    def cut(self) -> None:
        self._back.transport.abort()
        self._store.transport.abort()

    async def requests(self, client: asyncio.StreamReader) -> None:
        """Pass requests on, whole ones; ends when one is to be cut."""
        waiting = bytearray()
        while piece := await _read(client):
            waiting += piece
            for raw, word in _commands(waiting):
                if word in _CALLS:
                    self._proxy.seen["calls"] += 1
                    self._order = self._proxy.take_order()
                how = self._order[0] if self._order else None
                if how == "request cut":
                    self._store.write(raw[: len(raw) // 2])
                    await self._store.drain()
                elif how != "request lost":
                    self._store.write(raw)
                if how in ("request cut", "request lost"):
                    self._done()
                    return
            await self._store.drain()

    async def replies(self, store: asyncio.StreamReader) -> None:
        """Pass replies back; ends when one is to be cut."""
        while piece := await _read(store):
            if self._proxy.delay_s:
                self._proxy.seen["delayed"] += 1
                await asyncio.sleep(self._proxy.delay_s)
            how = self._order[0] if self._order else None
            if how is None:
                self._back.write(piece)
                await self._back.drain()
                continue
            if how == "reply cut":
                self._back.write(piece[: len(piece) // 2])
                await self._back.drain()
            self._done()
            if how == "reply dropped":
                await asyncio.Event().wait()  # until the client gives the connection up
            return

    def _done(self) -> None:
        assert self._order
        self._proxy.seen[self._order[0]] += 1
        self._order[1].set()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(_PIECE)
    except OSError:
        return b""


def _commands(waiting: bytearray) -> Iterator[tuple[bytes, bytes]]:
    """Take the whole requests from the front: the bytes and the first word of each."""
    while (found := _end(waiting)) is not None:
        end, word = found
        raw = bytes(waiting[:end])
        del waiting[:end]
        yield raw, word


def _end(waiting: bytearray) -> tuple[int, bytes] | None:
    """Return where the first request ends, and its first word; None while it is not whole."""
    line = waiting.find(b"\r\n")
    if line < 0:
        return None
    at, first = line + 2, b""
    for number in range(int(waiting[1:line])):  # *3 $7 EVALSHA $40 …
        line = waiting.find(b"\r\n", at)
        if line < 0:
            return None
        size = int(waiting[at + 1 : line])
        at = line + 2 + size + 2
        if at > len(waiting):
            return None
        if number == 0:
            first = bytes(waiting[line + 2 : at - 2]).upper()
    return at, first
