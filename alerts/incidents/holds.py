"""What the stage knows of an open episode beside its public record. Pure.

Kept as an array, so that a field that is new has its default when an older state is read: append only.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from alerts.model import Alert, State

__all__ = ["ENDED", "Cause", "Hold", "Why", "pack", "unpack", "until_now"]

Why = Literal["silenced", "inhibited", "grouped", "muted"]
ENDED: Final[dict[Why, str]] = {
    "silenced": "silence_ended",
    "inhibited": "inhibition_ended",
    "grouped": "ungrouped",
    "muted": "mute_ended",
}
"""Reason of the change that the end of a suppression makes."""


class Cause(msgspec.Struct, frozen=True, array_like=True):
    """Why an episode is suppressed, by which silence, alert, incident or mute time, and since when."""

    why: Why
    by: str
    since_ms: int

    def to_record(self) -> dict[str, Any]:
        """Return it for a timeline."""
        return {"why": self.why, "by": self.by, "since_ms": self.since_ms}


class Hold(msgspec.Struct, frozen=True, array_like=True):
    """An open episode's inner state.

    Attributes:
        opened: offset of the record that opened it.
        under: its state while nothing suppresses it.
        since_ms: since when nobody has looked after it, for the ladder; epoch milliseconds.
        steps: steps of the ladder that it has climbed since then.
        causes: why it is suppressed, the first being its reason; empty while it is not.
        incident: the incident that it is part of.
        rank: its place among the incident's members, from 1; 0 outside.
        remind_ms: when its owner is reminded that the acknowledgement ends, None for never.
        ends_ms: when it ends by itself, None for never: a test does.
    """

    opened: int
    under: State
    since_ms: int
    steps: int = 0
    causes: tuple[Cause, ...] = ()
    incident: str | None = None
    rank: int = 0
    remind_ms: int | None = None
    ends_ms: int | None = None


def until_now(alert: Alert) -> Hold:
    """Return the hold of an episode that a version without holds opened."""
    return Hold(-1, alert.state, alert.at_ms)


def pack(hold: Hold) -> bytes:
    """Return a hold's bytes."""
    return msgspec.msgpack.encode(hold)


def unpack(packed: bytes) -> Hold:
    """Return the hold of its bytes."""
    return msgspec.msgpack.decode(packed, type=Hold)
