"""The connection of ``roomwatch tail``: never gives up but when refused, and goes on where it was."""

from __future__ import annotations

import asyncio
import json
import random
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Final, cast

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

from alerts.tail.board import Alert, Board, Wanted
from alerts.tail.screen import Show
from stream.errors import ServiceError, SettingsError

__all__ = ["Feed", "backoff_s"]

_FIRST_S: Final = 0.5
_LONGEST_S: Final = 15.0
_SILENT_S: Final = 75.0
"""The gateway sends a frame at least each 30 s; a connection silent for longer is dead."""
_ANSWER_S: Final = 10.0
_OPEN: Final = ("firing", "escalated", "acknowledged")
_REFUSED: Final = {4401: "no valid token; give --token or set ROOMWATCH_TOKEN", 4403: "not allowed"}


def backoff_s(tries: int, chance: float) -> float:
    """Return how long to wait before connecting again.

    Args:
        tries: connections that failed in a row, 1 or more.
        chance: 0..1, spreads those who lost the same gateway.
    """
    return float(min(_LONGEST_S, _FIRST_S * 2 ** min(tries - 1, 16)) * (0.5 + chance / 2))


class Feed:
    """Follows a gateway.

    Args:
        url: its address, ``http://`` or ``https://``.
        token: access token, None for a gateway without tokens.
        wanted: which alerts.
        show: where they go.
        with_open: whether the alerts that are open at the start are shown too.

    Raises:
        SettingsError: the address is none.
    """

    def __init__(self, url: str, token: str | None, wanted: Wanted, show: Show, *, with_open: bool) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(f"--url: {url!r} is not an address such as http://127.0.0.1:8700")
        self._base = f"{parts.scheme}://{parts.netloc}"
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._wanted = wanted
        self._show = show
        self._with_open = with_open
        self._board = Board()
        self._resume: tuple[str, int] | None = None
        self._tries = 0

    async def follow(self) -> None:
        """Follow for ever.

        Raises:
            ServiceError: the gateway refuses us.
        """
        while True:
            try:
                await self._connected()
                why = "the gateway ended the connection"
            except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed) as error:
                why = self._why(error)
            except InvalidURI as error:
                raise SettingsError(f"--url: {error}") from error
            self._tries += 1
            wait_s = backoff_s(self._tries, random.random())  # noqa: S311 - spreads load, guards nothing
            self._show.status(f"{why}; trying again in {wait_s:.1f} s", degraded=True)
            await asyncio.sleep(wait_s)

    def _why(self, error: Exception) -> str:
        if isinstance(error, ConnectionClosed):
            code = error.rcvd.code if error.rcvd else 1006
            if code in _REFUSED:
                raise ServiceError(f"the gateway at {self._base} refused: {_REFUSED[code]}") from error
            return f"the gateway closed the connection ({code})"
        if isinstance(error, TimeoutError):
            return f"{self._base} does not answer"
        if isinstance(error, InvalidHandshake):
            return f"{self._base} is no gateway: {error}"
        return f"nothing listens at {self._base}"

    async def _connected(self) -> None:
        if self._with_open and self._resume is None:
            self._board.load(await asyncio.to_thread(self._load))
            self._show.open(self._board.open())
        url = f"ws{self._base.removeprefix('http')}/ws/v1"
        async with connect(
            url,
            additional_headers=self._headers,
            subprotocols=[Subprotocol("roomwatch.v1")],
            open_timeout=_ANSWER_S,
            max_size=None,
            compression=None,
        ) as connection:
            await connection.send(orjson.dumps(self._wanted.frame(self._resume)).decode())
            await self._hear(connection)

    async def _hear(self, connection: ClientConnection) -> None:
        while True:
            async with asyncio.timeout(_SILENT_S):
                frame = orjson.loads(await connection.recv())
            if not self._take(frame):
                return

    def _take(self, frame: dict[str, Any]) -> bool:
        """Take a frame; return whether to stay connected."""
        match frame["op"]:
            case "subscribed":
                self._tries = 0
                if self._resume is None or self._resume[0] != frame["epoch"]:
                    self._resume = (frame["epoch"], frame["offset"])
                self._show.status(f"following {self._base}", degraded=False)
            case "alert":
                self._at(frame["offset"])
                if self._board.change(frame["alert"]):
                    self._show.change(frame["alert"], self._board.open())
            case "at":
                self._at(frame["offset"])
            case "gap":
                self._show.status(
                    f"records {frame['from']} to {frame['to']} are lost to us ({frame['reason']})",
                    degraded=True,
                )
                if self._with_open:  # the list is loaded anew
                    self._resume, self._tries = None, 0
                    return False
            case "status":
                silent = ", ".join(frame["degraded"])
                self._show.status(
                    f"silent: {silent}" if silent else f"following {self._base}", degraded=bool(silent)
                )
            case "error":
                raise ServiceError(f"the gateway at {self._base} says: {frame['message']}")
        return True

    def _at(self, offset: int) -> None:
        if self._resume is not None:
            self._resume = (self._resume[0], max(self._resume[1], offset))

    def _load(self) -> list[Alert]:
        """Return the open alerts, and remember from where to go on; blocks."""
        found: list[Alert] = []
        first: tuple[str, int] | None = None
        for state in _OPEN:
            cursor: str | None = None
            while True:
                page = self._page(state, cursor)
                first = first or (page["epoch"], page["offset"])
                found += [alert for alert in page["items"] if self._wanted.passes(alert)]
                cursor = page["next"]
                if cursor is None:
                    break
        self._resume = first
        return found

    def _page(self, state: str, cursor: str | None) -> dict[str, Any]:
        query = {"state": state, "limit": "1000"} | ({} if cursor is None else {"cursor": cursor})
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            f"{self._base}/api/v1/alerts?{urllib.parse.urlencode(query)}", headers=self._headers
        )
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_S) as answer:  # noqa: S310 - as above
                return cast("dict[str, Any]", json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                if error.code in (401, 403):
                    told = _REFUSED[4000 + error.code]
                    raise ServiceError(f"the gateway at {self._base} refused: {told}") from error
            raise ConnectionError(f"{self._base} answers {error.code}") from error
        except json.JSONDecodeError as error:
            raise ConnectionError(f"{self._base} is no gateway") from error
