"""How the picture is: pings of the ingest, the edge and the players.

Measured numbers are kept as integers of a small unit (a thousandth of a frame, a byte, a microsecond), so
that sums do not depend on the order in which they are added.
"""

from __future__ import annotations

from typing import Final

from stream.cells import FeedFigures, Fresh, Group, Registers
from stream.figures.view import Formula, View, ratio
from stream.model import PROBES, Ping

__all__ = ["FIGURES", "FORMULAS", "PINGS"]

_CELLS: Final = (
    "pings",
    "interval_ms",
    "stall_ms",
    "fps_pings",
    "fps_milli",
    "rate_pings",
    "rate_bytes",
    "rtt_pings",
    "rtt_us",
    "dropped_frames",
)
PINGS: Final[dict[str, Group]] = {
    probe: Group(f"health:{probe}", _CELLS, samples=("av_offset_ms", "interval_ms")) for probe in PROBES
}
_BYTES_PER_KBIT: Final = 125


def _add(fresh: Fresh, ping: Ping, registers: Registers, _user: int, append_ms: int) -> None:
    row = fresh.row
    row[0] += 1
    row[1] += ping.interval_ms
    row[2] += ping.stall_ms or 0
    if ping.fps is not None:
        row[3] += 1
        row[4] += round(ping.fps * 1_000)
    if ping.bitrate_kbps is not None:
        row[5] += 1
        row[6] += round(ping.bitrate_kbps * _BYTES_PER_KBIT)
    if ping.rtt_ms is not None:
        row[7] += 1
        row[8] += round(ping.rtt_ms * 1_000)
    row[9] += ping.dropped_frames or 0
    if ping.av_offset_ms is not None:
        fresh.samples[0].add(ping.av_offset_ms)
    fresh.samples[1].add(ping.interval_ms)
    _note(ping, registers, append_ms)


def _note(ping: Ping, registers: Registers, append_ms: int) -> None:
    """Keep the newest append time of each probe, and the newest and the largest `online`."""
    name = f"ping:{ping.probe}"
    newest = registers.get(name)
    if newest is None or append_ms > newest[0]:
        registers[name] = [append_ms]
    if ping.online is None:
        return
    online = registers.get("online")
    if online is None:
        registers["online"] = [ping.at_ms, ping.online, ping.online]
        return
    if ping.at_ms >= online[0]:
        online[0], online[1] = ping.at_ms, ping.online
    online[2] = max(online[2], ping.online)


def _mean(total: str, number: str, unit: float) -> Formula:
    def formula(view: View, probe: str | None, window: str | None) -> float | None:
        assert probe is not None
        group = PINGS[probe]
        mean = ratio(view.sum(group, total, window), view.sum(group, number, window))
        return None if mean is None else mean / unit

    return formula


def _smooth(view: View, _label: str | None, window: str | None) -> float | None:
    stalled = [view.sum(group, "stall_ms", window) or 0 for group in PINGS.values()]
    watched = [view.sum(group, "interval_ms", window) or 0 for group in PINGS.values()]
    share = ratio(sum(stalled), sum(watched))
    return None if share is None else 1 - share


def _median_s(name: str) -> Formula:
    def formula(view: View, probe: str | None, window: str | None) -> float | None:
        assert probe is not None
        median = view.median(PINGS[probe], name, window or "15m")
        return None if median is None else median / 1_000

    return formula


def _pings(view: View, probe: str | None, window: str | None) -> int | None:
    assert probe is not None
    return view.sum(PINGS[probe], "pings", window)


def _newest(view: View, probe: str | None, _window: str | None) -> float | None:
    newest = view.registers.get(f"ping:{probe}")
    return None if newest is None else newest[0] / 1_000


FIGURES: Final = (FeedFigures("health", tuple(PINGS.values()), _add, lambda ping: PINGS[ping.probe]),)
FORMULAS: Final[dict[str, Formula]] = {
    "live_stall_ratio": _mean("stall_ms", "interval_ms", 1),
    "live_smooth_ratio": _smooth,
    "live_frames_per_second": _mean("fps_milli", "fps_pings", 1_000),
    "live_bytes_per_second": _mean("rate_bytes", "rate_pings", 1),
    "live_rtt_seconds": _mean("rtt_us", "rtt_pings", 1_000_000),
    "live_av_offset_seconds": _median_s("av_offset_ms"),
    "live_pings": _pings,
    "live_ping_interval_seconds": _median_s("interval_ms"),
    "live_ping_newest_timestamp_seconds": _newest,
}
