"""The stream-health pings of one simulated room: ingest, edges and some players."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from stream.model import Probe
from stream.sources.audience import Happening, Moment
from stream.sources.plan import Room

__all__ = ["Probes"]

_FPS: Final = 30.0
_BITRATE_KBPS: Final = 2_500.0
_HICCUPS: Final = 0.01
"""Share of a healthy probe's pings that tell of a short stall."""
_HICCUP_RATIO: Final = 0.03
"""Longest such stall, as a share of the interval."""
_AV_OFFSET_MS: Final = -10.0


@dataclass(slots=True)
class _Node:
    probe: Probe
    name: str
    due_ms: float


class Probes:
    """Sends a ping of each node every ``ping_s`` of the clock, whatever the speed of the broadcast.

    Args:
        room: the room.
        draw: its own generator of this broadcast.
        speed: how many seconds of the broadcast pass in one of the clock.
        now_ms: when the broadcast begins.
    """

    def __init__(self, room: Room, draw: Random, *, speed: float, now_ms: int) -> None:
        self._room = room
        self._draw = draw
        self._interval_ms = round(room.group.ping_s * 1_000)
        self._step_ms = self._interval_ms * speed
        names: list[tuple[Probe, str]] = [("ingest", f"ingest-{room.cdn}-{room.index % 3}")]
        names += [("edge", f"edge-{room.cdn}-{number}") for number in range(2)]
        names += [("player", f"player-{room.index}-{number}") for number in range(room.group.players)]
        self._nodes = [
            _Node(probe, name, now_ms + self._step_ms * (0.1 + 0.9 * draw.random())) for probe, name in names
        ]

    def second(self, moment: Moment, online: int) -> Iterator[Happening]:
        """Yield the pings of a second, in no order.

        Args:
            moment: the second.
            online: how many are in the room; the edges tell it.
        """
        for node in self._nodes:
            while node.due_ms < moment.t_ms + 1_000:
                ping = self._ping(node, moment, online)
                if not moment.effects.silent:
                    yield int(node.due_ms), "health", ping
                node.due_ms += self._step_ms

    def _ping(self, node: _Node, moment: Moment, online: int) -> dict[str, Any]:
        draw, effects = self._draw, moment.effects
        stall_ratio = draw.random() * _HICCUP_RATIO if draw.random() < _HICCUPS else 0.0
        if node.probe != "ingest":
            stall_ratio = min(1.0, max(stall_ratio, effects.stall_ratio * draw.uniform(0.8, 1.2)))
        kbps = _BITRATE_KBPS * draw.uniform(0.95, 1.05) * (1 - 0.5 * stall_ratio)
        ping: dict[str, Any] = {
            "probe": node.probe,
            "node": node.name,
            "cdn": self._room.cdn,
            "region": self._room.region,
            "interval_ms": self._interval_ms,
            "stall_ms": round(stall_ratio * self._interval_ms),
            "fps": round(_FPS * draw.uniform(0.98, 1.0) * (1 - stall_ratio), 1),
            "bitrate_kbps": round(kbps),
            "dropped_frames": round(stall_ratio * _FPS * self._interval_ms / 1_000),
            "rtt_ms": round(draw.uniform(18, 45), 1),
            "av_offset_ms": round(_AV_OFFSET_MS + draw.gauss(0, 8) + effects.av_offset_ms),
        }
        if node.probe == "edge":
            ping["online"] = online
        if node.probe == "ingest":
            ping["cpu_ratio"] = round(draw.uniform(0.25, 0.45), 3)
        if effects.stall_ratio > 0 and node.probe == "edge":
            ping["codes"] = ["gopSizeLong"]
        return ping
