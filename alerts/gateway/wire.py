"""A WebSocket connection as uvicorn serves it, with what a push server needs besides.

uvicorn's own ``send`` waits for a slow reader for ever, and so does its close. Here frames that are built
once are written as they are, the number of bytes held back is known after each write, and a close is bounded
in time whether or not the client reads. This is the one file that knows uvicorn's class; tests hold it to its
behaviour.
"""

from __future__ import annotations

import contextlib
import socket
from asyncio.transports import BaseTransport
from collections.abc import Callable
from typing import Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import State

__all__ = ["EXTENSION", "Wire"]

EXTENSION: Final = "roomwatch.wire"
"""Name under which a connection stands in its ASGI scope's extensions."""
_KERNEL_UNSENT_BYTES: Final = 64 * 1024
"""Most bytes that the kernel holds unsent for a client: above it we hold them, and know that it is slow."""
_KERNEL_UNLIMITED: Final = 2**31 - 1
_CLOSE_S: Final = 5.0
"""How long a client may take to answer a close frame; then the connection is cut."""
_FRAGMENTS_MAX: Final = 1024
"""Most frames that one message may be split into."""


class Wire(WebSocketsSansIOProtocol):
    """One connection."""

    on_taken: Callable[[], None] | None = None
    """Called when the client has taken all that was held back."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Take the connection; from here on every held back byte pauses writing."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=0)
        self._limit_kernel(_KERNEL_UNSENT_BYTES)

    @property
    def open(self) -> bool:
        """Whether frames can still be sent."""
        return self.conn.state is State.OPEN and not self.transport.is_closing()

    def write(self, data: bytes) -> int:
        """Send whole frames; return how many bytes are held back."""
        if not self.open:
            return 0
        self.transport.write(data)
        return 0 if self.writable.is_set() else self.transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        """Tell that all has been sent."""
        super().resume_writing()
        if self.on_taken is not None:
            self.on_taken()

    def finish(self, code: int, reason: str) -> None:
        """Close the connection, whether or not the client reads."""
        if self.disconnected or self.close_sent or self.conn.state is not State.OPEN:
            return
        self.stop_keepalive()
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._limit_kernel(
            _KERNEL_UNLIMITED
        )  # so that the close frame reaches a client that reads again later
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(_CLOSE_S, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """Close a connection whose client does not answer pings."""
        self.pong_timer = None
        self.pending_ping_payload = None
        self.finish(1011, "no answer to ping")

    def shutdown(self) -> None:
        """Close the connection because the process stops."""
        if self.handshake_complete:
            self.finish(1001, "gateway stops")
        else:
            super().shutdown()

    def handle_connect(self, event: Request) -> None:
        """Begin the application; it finds this connection in its scope."""
        super().handle_connect(event)
        if self.response.status_code == 101:  # noqa: PLR2004 - Switching Protocols
            cast("dict[str, object]", self.scope["extensions"])[EXTENSION] = self

    def handle_cont(self, event: Frame) -> None:
        """Join a message's parts, as long as they are few."""
        if len(self.frames) >= _FRAGMENTS_MAX:
            self.finish(1009, "too many fragments")
            self.frames = []
            return
        super().handle_cont(event)

    def _limit_kernel(self, unsent_bytes: int) -> None:
        option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
        sock = self.transport.get_extra_info("socket")
        if option is not None and sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, option, unsent_bytes)
