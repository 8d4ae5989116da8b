"""What one client has not taken yet, and whether it takes too long.

Frames are written at once while the connection takes them and wait here when it does not; what waits is a
reference to bytes that all clients share. Nothing is lost unless the client is closed, and nothing grows past
``UNSENT_BYTES_MAX``. Pure: the connection and the time are arguments.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

__all__ = ["UNSENT_BYTES_MAX", "UNSENT_MS_MAX", "Connection", "Outbox"]

UNSENT_MS_MAX: Final = 10_000
"""A client whose oldest unsent live frame is older is closed; milliseconds, from the contract."""
UNSENT_BYTES_MAX: Final = 1024 * 1024
"""A client with more unsent is closed; bytes, from the contract."""


class Connection(Protocol):
    """The way to one client."""

    def write(self, data: bytes) -> int:
        """Send what the connection takes now; return how many bytes it still holds back."""
        ...


class Outbox:
    """Frames on their way to one client.

    Args:
        connection: the way to it.
    """

    __slots__ = ("_connection", "_held", "_held_at_ms", "_queue", "_queued")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._queue: deque[tuple[bytes, int | None]] = deque()
        self._queued = 0
        self._held = 0
        self._held_at_ms: int | None = None

    @property
    def unsent_bytes(self) -> int:
        """Bytes that the client has not taken, as far as we can know."""
        return self._queued + self._held

    @property
    def clear(self) -> bool:
        """Whether a frame would be sent at once."""
        return not self._held and not self._queue

    def send(self, data: bytes, *, now_ms: int, live: bool) -> None:
        """Send frames, now or when their turn comes; ``live`` ones must not wait for long."""
        stamp = now_ms if live else None
        if self.clear:
            self._write(data, stamp)
        else:
            self._queue.append((data, stamp))
            self._queued += len(data)

    def taken(self) -> None:
        """The connection has sent all that it held: go on."""
        self._held, self._held_at_ms = 0, None
        while self._queue and not self._held:
            data, stamp = self._queue.popleft()
            self._queued -= len(data)
            self._write(data, stamp)

    def overdue(self, now_ms: int) -> bool:
        """Return whether the client reads too slowly to be kept."""
        if self.unsent_bytes > UNSENT_BYTES_MAX:
            return True
        oldest = self._held_at_ms
        if oldest is None:
            oldest = next((stamp for _, stamp in self._queue if stamp is not None), None)
        return oldest is not None and now_ms - oldest > UNSENT_MS_MAX

    def drop(self) -> None:
        """Forget what waits: the client is being closed."""
        self._queue.clear()
        self._queued = 0

    def _write(self, data: bytes, stamp: int | None) -> None:
        self._held = self._connection.write(data)
        self._held_at_ms = stamp if self._held else None
