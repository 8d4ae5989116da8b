"""Records of ``live.alerts`` as the gateway holds them: the frame that clients get, and what filters look at.

Nothing is encoded for a client: the value's own bytes stand in the frame, and the frame is built once for
all.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from alerts.model import SEVERITIES, SEVERITY_RANK, BadRecord, Severity, State

__all__ = ["NEVER", "Episodes", "Record", "text_frame"]

NEVER: Final = 2**63 - 1
"""An offset that no record has."""
_UNKNOWN: Final = 0
"""Where an episode counts as shown whose beginning the gateway did not read: before all that it holds."""
_NEW: Final = (NEVER,) * len(SEVERITIES)
"""Of an episode that has not been shown to anybody."""
_SHORT: Final = 126
_LONG: Final = 2**16


class _Head(msgspec.Struct, gc=False):
    """The fields of an alert that the gateway looks at; the others pass through unseen."""

    id: str
    change: int
    room_id: str | None
    kind: str
    severity_max: Severity
    state: State
    at_ms: int
    labels: dict[str, object] = {}


_HEADS: Final = msgspec.json.Decoder(_Head)


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of ``live.alerts``.

    Attributes:
        offset: its place in the log.
        frame: the whole WebSocket frame ``{"op":"alert",…}`` as it goes over the wire.
        category: the room's category, None without one.
        severity_rank: 0 for a highest severity of info, up to 2 for critical.
        shown_from: per severity rank, the offset from which on a subscriber to that severity had been shown
            this episode in a state other than suppressed; ``NEVER`` when not before this record.
    """

    offset: int
    frame: bytes
    id: str
    change: int
    at_ms: int
    room_id: str | None
    kind: str
    category: str | None
    severity_rank: int
    state: State
    shown_from: tuple[int, ...]


def text_frame(*parts: bytes) -> bytes:
    """Return an unmasked, unfragmented WebSocket text frame (RFC 6455, section 5.2) of a payload's parts."""
    size = sum(map(len, parts))
    if size < _SHORT:
        return b"".join((b"\x81", size.to_bytes(1, "big"), *parts))
    if size < _LONG:
        return b"".join((b"\x81\x7e", size.to_bytes(2, "big"), *parts))
    return b"".join((b"\x81\x7f", size.to_bytes(8, "big"), *parts))


class Episodes:
    """Reads records in the log's order and remembers since when each open episode has been shown.

    Args:
        episodes_max: most episodes remembered; the one that changed longest ago is forgotten first and counts
            as shown from then on, so that its suppression is told rather than kept quiet.
    """

    def __init__(self, episodes_max: int = 100_000) -> None:
        self._shown: OrderedDict[str, tuple[int, ...]] = OrderedDict()
        self._max = episodes_max

    def read(self, offset: int, value: bytes) -> Record:
        """Return the record.

        Raises:
            BadRecord: the value is no alert.
        """
        try:
            value.decode()
            head = _HEADS.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRecord(f"live.alerts, offset {offset}: {error}") from error
        rank = SEVERITY_RANK[head.severity_max]
        category = head.labels.get("category")
        return Record(
            offset=offset,
            frame=text_frame(b'{"op":"alert","offset":%d,"alert":' % offset, value.strip(), b"}"),
            id=head.id,
            change=head.change,
            at_ms=head.at_ms,
            room_id=head.room_id,
            kind=head.kind,
            category=category if isinstance(category, str) else None,
            severity_rank=rank,
            state=head.state,
            shown_from=self._shown_before(head, offset, rank),
        )

    def _shown_before(self, head: _Head, offset: int, rank: int) -> tuple[int, ...]:
        before = self._shown.get(head.id)
        if before is None:
            before = _NEW if head.change == 1 else _from(_UNKNOWN, rank)
        after = before
        if head.state != "suppressed":
            after = _from(offset, rank) if before is _NEW else tuple(map(min, before, _from(offset, rank)))
        if head.state == "resolved":
            self._shown.pop(head.id, None)
        else:
            self._shown[head.id] = after
            self._shown.move_to_end(head.id)
            if len(self._shown) > self._max:
                self._shown.popitem(last=False)
        return before


def _from(offset: int, rank: int) -> tuple[int, ...]:
    """Return the offset for every severity up to a rank, and never for those above."""
    return (offset,) * (rank + 1) + _NEW[rank + 1 :]
