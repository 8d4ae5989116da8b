"""What the archive holds of an alert: the figures that its rule saw. Blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from alerts.backtest.sets import Sets
from alerts.backtest.work import Piece, lives, pieces
from alerts.explain.traced import Trace, of_rule, traced
from stream.archive import Archive

__all__ = ["trace_of"]

_VENDOR_BACK_MS: Final = 20 * 60_000
"""Vendors are judged by windows of a quarter of an hour at most: so far back is enough."""


def trace_of(
    archive: Archive, alert: dict[str, Any], sets: Sets, *, from_ms: int, to_ms: int
) -> Trace | None:
    """Return what the condition behind an alert said in a range; None when nothing of it is kept.

    Args:
        archive: where.
        alert: its newest record.
        sets: the rules in force then.
        from_ms: begin of the range.
        to_ms: its end, not part of it.

    Raises:
        RoomwatchError: the archive cannot be read.
    """
    key, rule = alert["subject"], alert["rule"]
    own = of_rule(sets, rule)
    for piece in _pieces(archive, alert, from_ms, to_ms):
        for name, life in lives(archive, piece, (own,)):
            if name == key and life is not None:
                within = own.within(piece.from_ms, piece.to_ms)
                return traced(key, life, within, rule=rule, alert_id=alert["id"], from_ms=from_ms)
    return None


def _pieces(archive: Archive, alert: dict[str, Any], from_ms: int, to_ms: int) -> Iterator[Piece]:
    """Yield what there is to play for the subject of an alert; of the monitoring itself nothing is kept."""
    if alert["room_id"] is not None:
        yield from pieces(archive, from_ms, to_ms, {alert["room_id"]}, vendors=False, planned=True)
    elif "/" in alert["subject"]:
        begin_ms = from_ms - _VENDOR_BACK_MS
        yield from (Piece(number, (), begin_ms, to_ms, 1) for number in range(archive.partitions))
