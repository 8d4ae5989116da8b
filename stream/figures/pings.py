"""The pings of ten seconds as bytes, for figures that sums cannot give: medians, slopes, nodes.

A pane keeps of each ping its probe, a hash of its node, its time, how much of which time stood still and the
offset of the sound: 16 bytes. Windows of 10 s and 1 min look at the same panes, by the time of each ping. A
pane keeps at most ``PINGS_MAX`` pings of a probe, those of the nodes with the lowest hashes: the same nodes
in every pane, so that what is then told of nodes is told of a sample of them. Which pings are kept does not
depend on the order in which they came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stream.cells import Extra, Fresh
from stream.model import PROBES, Ping
from stream.native import Group
from stream.panes import COARSE_MS

__all__ = [
    "AT_BITS",
    "EXTRA",
    "NODE_BITS",
    "OFFSET_STEPS",
    "PINGS_MAX",
    "PING_LOG",
    "SESSIONS_MAX",
    "SHAPE",
    "Pings",
    "add_ping",
    "read_pings",
]

PINGS_MAX: Final = {"ingest": 64, "edge": 64, "player": 32}
"""Most pings of a probe that a pane keeps; above it figures of nodes, offsets and intervals are of a sample.
32 nodes tell a share of 0.2 to 0.07 (standard error)."""
NODE_BITS: Final = 32
"""Length of a node's hash."""
AT_BITS: Final = 20
"""Times within 17 min, in milliseconds, take so many bits."""
SESSIONS_MAX: Final = 512
"""Most sessions at once: session and probe, node and time make up a number of 63 bits."""
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
_OFFSET_MASK: Final = (1 << _STALL_SHIFT) - 1
_OFFSET_ZERO: Final = 1 << 23
_NODES_REMEMBERED: Final = 65_536

Ints = NDArray[np.int64]


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


@dataclass(frozen=True, slots=True)
class Pings:
    """Pings of several sessions, as parallel arrays.

    Attributes:
        sessions: number of the sessions.
        node: session, probe and hash of the node: ``group << NODE_BITS | hash`` with a group for each probe
            of each session, ``session * len(PROBES) + number of the probe``.
        at_ms: time, counted from the window's start.
        interval_ms: the time that the ping tells of.
        stall_ms: how much of it the picture stood still.
        offset: of the sound, in steps.
        has_offset: whether it was told.
        limit: group -> hash below which every node's pings are there, where some are left out.
    """

    sessions: int
    node: Ints
    at_ms: Ints
    interval_ms: Ints
    stall_ms: Ints
    offset: Ints
    has_offset: NDArray[np.bool_]
    limit: dict[int, int]

    @property
    def groups(self) -> int:
        """Return the number of groups."""
        return self.sessions * len(PROBES)

    @property
    def group(self) -> Ints:
        """Return the group of each ping."""
        return self.node >> NODE_BITS

    def where(self, mask: NDArray[np.bool_] | Ints | slice) -> Pings:
        """Return those that a mask lets pass, or those at these places, in their order."""
        return Pings(
            self.sessions,
            self.node[mask],
            self.at_ms[mask],
            self.interval_ms[mask],
            self.stall_ms[mask],
            self.offset[mask],
            self.has_offset[mask],
            self.limit,
        )


def read_pings(group: Group, places: Sequence[int], start_ms: int, end_ms: int) -> Pings:
    """Return the pings of some sessions in [start, end), epoch milliseconds.

    Args:
        group: the sessions.
        places: which of them; at most ``SESSIONS_MAX``.
        start_ms: first instant.
        end_ms: first instant after.
    """
    first, end = start_ms // COARSE_MS, -(-end_ms // COARSE_MS)
    raw, numbers, sizes, panes, limits = group.pings(PING_LOG, places, first, end)
    entries = np.frombuffer(raw, "<i8").reshape(-1, 2)
    where, rest = entries[:, 0], entries[:, 1]
    session = np.repeat(np.arange(len(places)), panes)
    offset = rest & _OFFSET_MASK
    pings = Pings(
        sessions=len(places),
        node=(where >> _PANE_AT_BITS) + np.repeat(session * len(PROBES) << NODE_BITS, sizes),
        at_ms=(where & (1 << _PANE_AT_BITS) - 1)
        + np.repeat(np.asarray(numbers, np.int64) * COARSE_MS - start_ms, sizes),
        interval_ms=rest >> _INTERVAL_SHIFT & _TIME_MAX,
        stall_ms=rest >> _STALL_SHIFT & _TIME_MAX,
        offset=offset - _OFFSET_ZERO,
        has_offset=offset > 0,
        limit={},
    )
    for number, probe, node in limits:
        of_probe = number * len(PROBES) + probe
        pings.limit[of_probe] = min(pings.limit.get(of_probe, node), node)
    inside = (pings.at_ms >= 0) & (pings.at_ms < end_ms - start_ms)
    return pings if inside.all() else pings.where(inside)


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
