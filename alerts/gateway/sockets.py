"""``/ws/v1``: lets clients in, and looks after those that are.

A plain ASGI application: the framework's own WebSocket classes would add memory and time to each client and
nothing else. Who is refused is accepted and then closed with a code, because a browser's page cannot see an
HTTP status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import structlog

from alerts.gateway.client import Client, Floor
from alerts.gateway.settings import GatewaySettings
from alerts.gateway.tokens import SUBPROTOCOL, Caller, LiveTokens, foreign, offered_token
from alerts.gateway.wire import EXTENSION, Wire

__all__ = ["PATH", "Sockets"]

PATH: Final = "/ws/v1"
_LOOK_S: Final = 1.0

Message = MutableMapping[str, Any]

_log = structlog.get_logger()


class Sockets:
    """All WebSocket clients of a gateway.

    Args:
        settings: limits, hosts and origins.
        tokens: who is let in.
        floor: what the clients share.
    """

    def __init__(self, settings: GatewaySettings, tokens: LiveTokens, floor: Floor) -> None:
        self._settings = settings
        self._tokens = tokens
        self._floor = floor
        self._clients: set[Client] = set()

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Serve one connection until it ends."""
        await receive()  # the connection's beginning; it holds nothing
        if scope["path"] != PATH:
            await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b""})
            return
        offered = scope["subprotocols"]
        await send(
            {"type": "websocket.accept", "subprotocol": SUBPROTOCOL if SUBPROTOCOL in offered else None}
        )
        wire: Wire = scope["extensions"][EXTENSION]
        admitted = self._admit(scope)
        if isinstance(admitted, Caller):
            await self._serve(wire, admitted, (scope["client"] or ("",))[0], receive)
        else:
            code, reason = admitted
            wire.finish(code, reason)
            self._floor.metrics.closed(code)

    async def look(self) -> None:
        """Look after the clients each second, for ever."""
        while True:
            now_ms = self._floor.clock.now_ms()
            for client in list(self._clients):
                client.look(now_ms)
            self._floor.metrics.unsent.set(sum(client.outbox.unsent_bytes for client in self._clients))
            await self._floor.clock.sleep(_LOOK_S)

    def tell_silent(self, silent: list[str]) -> None:
        """Tell every subscribed client which stages are silent."""
        self._floor.silent[:] = silent
        self._floor.metrics.silent(silent)
        for client in list(self._clients):
            if client.subscriber is not None:
                client.tell_silent()

    def close_revoked(self) -> None:
        """Close the clients whose token is gone, or allows something else now."""
        for client in list(self._clients):
            if not self._tokens.knows(client.caller):
                client.close(4401, "the token is no longer valid")

    def close_all(self, code: int, reason: str) -> None:
        """Close every client."""
        for client in list(self._clients):
            client.close(code, reason)

    def _admit(self, scope: Message) -> Caller | tuple[int, str]:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if not self._tokens.configured and foreign(
            headers.get("host"),
            headers.get("origin"),
            hosts=self._settings.hosts,
            origins=self._settings.origins,
        ):
            return 4403, "called from another site"
        caller = self._tokens.caller(offered_token(headers.get("authorization"), scope["subprotocols"]))
        if caller is None:
            return 4401, "no valid token"
        if len(self._clients) >= self._settings.gateway_clients_max:
            return 1013, "too many clients"
        return caller

    async def _serve(
        self, wire: Wire, caller: Caller, origin: str, receive: Callable[[], Awaitable[Message]]
    ) -> None:
        metrics = self._floor.metrics
        async with asyncio.TaskGroup() as tasks:
            client = Client(wire, caller, origin=origin, floor=self._floor, tasks=tasks)
            self._clients.add(client)
            metrics.clients.inc()
            try:
                code = await self._hear(client, receive)
            finally:
                self._clients.discard(client)
                metrics.clients.dec()
                client.leave()
            metrics.closed(client.closed or code)

    async def _hear(self, client: Client, receive: Callable[[], Awaitable[Message]]) -> int:
        """Handle frames until the connection ends; return the close code."""
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return int(message.get("code", 1006))
            if client.closed is None:
                await client.handle(message.get("text"))
