"""Live time and time at fault of a session, as the incidents stage keeps them and others read them. Pure."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from alerts.session import SessionState

__all__ = ["Tally", "pack", "unpack"]


class Tally(msgspec.Struct, array_like=True, frozen=True):
    """A session so far; fields are only ever appended, with a default.

    Attributes:
        session_ms: its start, as ingest has it.
        state: of the session since ``since_ms``.
        since_ms: until when the times below are counted, epoch milliseconds of the stage's clock.
        live_ms: live time.
        fault_ms: of it, how long an alert that counts was open.
        faulty: whether one has been open since.
    """

    session_ms: int | None
    state: SessionState
    since_ms: int
    live_ms: int = 0
    fault_ms: int = 0
    faulty: bool = False

    def at(self, now_ms: int) -> Tally:
        """Return it counted up to an instant; earlier ones change nothing."""
        if self.state != "live" or now_ms <= self.since_ms:
            return self
        more_ms = now_ms - self.since_ms
        return replace(
            self,
            since_ms=now_ms,
            live_ms=self.live_ms + more_ms,
            fault_ms=self.fault_ms + (more_ms if self.faulty else 0),
        )

    @property
    def ratio(self) -> float | None:
        """Return the share of live time with a fault, 0 to 1; None before there was any."""
        return self.fault_ms / self.live_ms if self.live_ms else None


pack: Final = msgspec.msgpack.Encoder().encode
_TALLY: Final = msgspec.msgpack.Decoder(Tally)


def unpack(packed: bytes) -> Tally:
    """Return a tally as the store keeps it."""
    return _TALLY.decode(packed)
