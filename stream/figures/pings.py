"""The pings of ten seconds as bytes, for figures that sums cannot give: medians, slopes, nodes.

A pane keeps of each ping its probe, a hash of its node, its time, how much of which time stood still and the
offset of the sound: 16 bytes. Windows of 10 s and 1 min look at the same panes, by the time of each ping. A
pane keeps at most ``PINGS_MAX`` pings of a probe, those of the nodes with the lowest hashes: the same nodes
in every pane, so that what is then told of nodes is told of a sample of them. Which pings are kept does not
depend on the order in which they came.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from stream.cells import Extra, Fresh
from stream.model import PROBES, Ping
from stream.panes import COARSE_MS

__all__ = [
    "EXTRA",
    "NODE_BITS",
    "OFFSET_STEPS",
    "PINGS_MAX",
    "PING_LOG",
    "SHAPE",
    "add_ping",
]

PINGS_MAX: Final = {"ingest": 64, "edge": 64, "player": 32}
"""Most pings of a probe that a pane keeps; above it figures of nodes, offsets and intervals are of a sample.
32 nodes tell a share of 0.2 to 0.07 (standard error)."""
NODE_BITS: Final = 32
"""Length of a node's hash."""
PING_LOG: Final = "pings"
OFFSET_STEPS: Final = 10
"""Steps of a millisecond of offset; offsets end at 600 000 ms."""

_PANE_AT_BITS: Final = 14
_PROBE_SHIFT: Final = NODE_BITS + _PANE_AT_BITS
_NODE_MASK: Final = (1 << NODE_BITS) - 1
_STALL_SHIFT: Final = 24
_INTERVAL_SHIFT: Final = 44
_NUMBER: Final = {probe: number for number, probe in enumerate(PROBES)}
_TIME_MAX: Final = (1 << 20) - 1
"""Intervals end at 600 000 ms; a stall that is said to be longer than this is cut."""
_OFFSET_ZERO: Final = 1 << 23
_NODES_REMEMBERED: Final = 65_536


def add_ping(fresh: Fresh, ping: Ping) -> None:
    """Add a ping to what came."""
    offset = 0
    if ping.av_offset_ms is not None:
        offset = _OFFSET_ZERO + round(ping.av_offset_ms * OFFSET_STEPS)
    stall_ms = min(ping.stall_ms or 0, _TIME_MAX)
    where = _NUMBER[ping.probe] << NODE_BITS | _hashed(ping.node)
    fresh.extra(PING_LOG, list).extend(
        (
            where << _PANE_AT_BITS | ping.at_ms % COARSE_MS,
            ping.interval_ms << _INTERVAL_SHIFT | stall_ms << _STALL_SHIFT | offset,
        )
    )


@lru_cache(maxsize=_NODES_REMEMBERED)
def _hashed(node: str) -> int:
    return int.from_bytes(blake2b(node.encode(), digest_size=NODE_BITS // 8).digest(), "big")


EXTRA: Final = Extra(PING_LOG, "pings")
SHAPE: Final[dict[str, Any]] = {
    "pings_max": [PINGS_MAX[probe] for probe in PROBES],
    "probe_shift": _PROBE_SHIFT,
    "node_shift": _PANE_AT_BITS,
    "node_mask": _NODE_MASK,
}
"""How the native module tells pings apart."""
