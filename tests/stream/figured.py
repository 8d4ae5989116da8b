"""Small logs of one room, and the figures that they come to."""

from __future__ import annotations

from typing import Any

from stream.catalogue import ROOM_COLUMN_INDEX, VENDOR_COLUMN_INDEX
from tests.stream.logs import fold_at_once


class Figures:
    """The figures of the only room (or operation) of a log."""

    def __init__(self, log, *, more_ms=10_000):
        folding = fold_at_once(log.records, log.now_ms + more_ms)
        folding.flusher.tell_all_again()
        flush = folding.flush()
        self.entry: Any = flush.rooms[0] if flush.rooms else None
        self.vendors = flush.vendors

    def __call__(self, name):
        return self.entry["values"].tolist()[ROOM_COLUMN_INDEX[name]]

    def vendor(self, name):
        """Return a figure of the only vendor operation."""
        (entry,) = self.vendors
        return entry["values"].tolist()[VENDOR_COLUMN_INDEX[name]]


def visit(log, user, action, **fields):
    log.put("visits", room_id="r", user_id=user, action=action, **fields)


def order(log, number, status, fen=100, user="u", **fields):
    log.put(
        "orders", room_id="r", user_id=user, order_id=f"o{number}", status=status, amount_fen=fen, **fields
    )


def ping(log, probe="edge", *, node="n", **fields):
    log.put("health", room_id="r", probe=probe, node=node, **{"interval_ms": 1_000, **fields})
