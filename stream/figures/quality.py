"""How the picture is: pings of the ingest, the edge and the players.

Measured numbers are kept as integers of a small unit (a thousandth of a frame, a byte, a microsecond), so
that sums do not depend on the order in which they are added.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from stream.cells import Batch, Extra, FeedFigures, Group
from stream.figures.view import Figures, Formula, View, ratio
from stream.model import PROBES, Ping
from stream.sketches import Samples
from stream.tally import Tally

__all__ = ["EXTRAS", "FIGURES", "FORMULAS", "GROUPS", "JOINT", "PINGS"]

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
    "online_pings",
    "online_sum",
)
PINGS: Final[dict[str, Group]] = {probe: Group(f"health:{probe}", "health", _CELLS) for probe in PROBES}
_BYTES_PER_KBIT: Final = 125


def _add(batch: Batch) -> None:
    for ping, append_ms in zip(batch.events, batch.appended_ms, strict=True):
        fresh, name = batch.fresh(ping.at_ms), f"health:{ping.probe}"
        for cell, number in _amounts(ping):
            if number:
                fresh.cells[f"{name}.{cell}"] += number
        if ping.av_offset_ms is not None:
            fresh.extra(f"av_offset_ms:{ping.probe}", Samples).add(ping.av_offset_ms)
        fresh.extra(f"interval_ms:{ping.probe}", Samples).add(ping.interval_ms)
        _note(ping, batch.tally, append_ms)


def _amounts(ping: Ping) -> Iterable[tuple[str, int]]:
    yield "pings", 1
    yield "interval_ms", ping.interval_ms
    yield "stall_ms", ping.stall_ms or 0
    yield "dropped_frames", ping.dropped_frames or 0
    if ping.fps is not None:
        yield "fps_pings", 1
        yield "fps_milli", round(ping.fps * 1_000)
    if ping.bitrate_kbps is not None:
        yield "rate_pings", 1
        yield "rate_bytes", round(ping.bitrate_kbps * _BYTES_PER_KBIT)
    if ping.rtt_ms is not None:
        yield "rtt_pings", 1
        yield "rtt_us", round(ping.rtt_ms * 1_000)
    if ping.online is not None:
        yield "online_pings", 1
        yield "online_sum", ping.online


def _note(ping: Ping, tally: Tally, append_ms: int) -> None:
    """Keep the newest append time of each probe, and the newest and the largest `online`."""
    newest = tally.register(f"ping:{ping.probe}", [append_ms])
    newest[0] = max(newest[0], append_ms)
    if ping.online is None:
        return
    online = tally.register("online", [ping.at_ms, ping.online, ping.online])
    if ping.at_ms >= online[0]:
        online[0], online[1] = ping.at_ms, ping.online
    online[2] = max(online[2], ping.online)


def _cell(probe: str | None, cell: str) -> str:
    assert probe is not None
    return f"health:{probe}.{cell}"


def _mean(total: str, number: str, unit: float) -> Formula:
    def formula(view: View, probe: str | None, window: str | None) -> Figures:
        mean = ratio(view.sum(_cell(probe, total), window), view.sum(_cell(probe, number), window))
        return mean / unit

    return formula


def _smooth(view: View, _label: str | None, window: str | None) -> Figures:
    stalled, watched = (
        sum(np.nan_to_num(view.sum(_cell(probe, cell), window)) for probe in PROBES)
        for cell in ("stall_ms", "interval_ms")
    )
    return 1 - ratio(np.asarray(stalled), np.asarray(watched))


def _median(panes: list[Samples]) -> float | None:
    whole = Samples()
    for pane in panes:
        whole.merge(pane)
    return whole.median()


def _median_s(name: str) -> Formula:
    def formula(view: View, probe: str | None, window: str | None) -> Figures:
        return view.numbers(f"{name}:{probe}", window or "15m", _median) / 1_000

    return formula


def _pings(view: View, probe: str | None, window: str | None) -> Figures:
    return view.sum(_cell(probe, "pings"), window)


def _newest(view: View, probe: str | None, _window: str | None) -> Figures:
    return view.register(f"ping:{probe}", 0) / 1_000


GROUPS: Final = tuple(PINGS.values())
EXTRAS: Final = tuple(
    extra
    for probe in PROBES
    for extra in (
        Extra(f"av_offset_ms:{probe}", Samples, pane=Samples, fine=True),
        Extra(f"interval_ms:{probe}", Samples, pane=Samples),
    )
)
JOINT: Final = {}
FIGURES: Final = (FeedFigures("health", _add),)
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
