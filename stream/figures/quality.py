"""How the picture is: pings of the ingest, the edge and the players.

Measured numbers are kept as integers of a small unit (a thousandth of a frame, a byte, a microsecond), so
that sums do not depend on the order in which they are added. What sums cannot tell comes from the pings
themselves, see ``stream.figures.pings``.
"""

from __future__ import annotations

from typing import Any, Final

from stream.cells import Batch, FeedFigures, Group
from stream.figures import pings
from stream.figures.expression import Expression, added, expression, known, ratio
from stream.figures.pings import PING_LOG, add_ping
from stream.figures.view import Formula, View
from stream.model import PROBES, Ping
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
LOAD: Final = Group("load", "health", ("cpu_pings", "cpu_milli", "egress_kbps", "egress_limit_kbps"))
"""Pings that tell of the processor, thousandths of it that were busy; what goes out and what may, of pings
that tell both."""
_LOAD: Final = {cell: LOAD.cell(cell) for cell in LOAD.cells}
_BYTES_PER_KBIT: Final = 125


_SUMS: Final = ("interval_ms", "stall_ms", "dropped_frames")
_MEANS: Final = (
    ("fps", "fps_pings", "fps_milli", 1_000),
    ("bitrate_kbps", "rate_pings", "rate_bytes", _BYTES_PER_KBIT),
    ("rtt_ms", "rtt_pings", "rtt_us", 1_000),
    ("online", "online_pings", "online_sum", 1),
)
"""Field, the cell that counts it and the one that sums it up, how many of that cell's units one of its is."""
_SUMS_OF: Final = {probe: tuple((f, group.cell(f)) for f in _SUMS) for probe, group in PINGS.items()}
_MEANS_OF: Final = {
    probe: tuple(
        (field, group.cell(number), group.cell(total), unit) for field, number, total, unit in _MEANS
    )
    for probe, group in PINGS.items()
}
_COUNTED: Final = {probe: group.cell("pings") for probe, group in PINGS.items()}


def _add(batch: Batch) -> None:
    for ping, append_ms in zip(batch.events, batch.appended_ms, strict=True):
        fresh = batch.fresh(ping.at_ms)
        _add_amounts(fresh.cells, ping)
        if ping.cpu_ratio is not None or ping.egress_kbps is not None:
            _add_load(fresh.cells, ping)
        if not batch.late:
            add_ping(fresh, ping)
        _note(ping, batch.tally, append_ms)


def _add_amounts(cells: dict[str, int], ping: Ping) -> None:
    probe = ping.probe
    cells[_COUNTED[probe]] += 1
    for field, cell in _SUMS_OF[probe]:
        amount = getattr(ping, field)
        if amount:
            cells[cell] += amount
    for field, number, total, unit in _MEANS_OF[probe]:
        measured = getattr(ping, field)
        if measured is not None:
            cells[number] += 1
            cells[total] += round(measured * unit)


def _add_load(cells: dict[str, int], ping: Ping) -> None:
    if ping.cpu_ratio is not None:
        cells[_LOAD["cpu_pings"]] += 1
        cells[_LOAD["cpu_milli"]] += round(ping.cpu_ratio * 1_000)
    if ping.egress_kbps is not None and ping.egress_limit_kbps:
        cells[_LOAD["egress_kbps"]] += round(ping.egress_kbps)
        cells[_LOAD["egress_limit_kbps"]] += round(ping.egress_limit_kbps)


def _note(ping: Ping, tally: Tally, append_ms: int) -> None:
    """Keep the newest append time of each probe, the newest and the largest `online`, the newest limit."""
    newest = tally.register(f"ping:{ping.probe}", [append_ms])
    newest[0] = max(newest[0], append_ms)
    if ping.egress_limit_kbps:
        limit_bytes = round(ping.egress_limit_kbps * _BYTES_PER_KBIT)
        limit = tally.register("egress_limit", [ping.at_ms, limit_bytes])
        if ping.at_ms >= limit[0]:
            limit[:] = ping.at_ms, limit_bytes
    if ping.online is not None:
        online = tally.register("online", [ping.at_ms, ping.online, ping.online])
        if ping.at_ms >= online[0]:
            online[0], online[1] = ping.at_ms, ping.online
        online[2] = max(online[2], ping.online)


def _cell(probe: str | None, cell: str) -> str:
    assert probe is not None
    return f"health:{probe}.{cell}"


def _mean(total: str, number: str, unit: float) -> Formula:
    def formula(view: View, probe: str | None, window: str | None) -> Expression:
        mean = ratio(view.sum(_cell(probe, total), window), view.sum(_cell(probe, number), window))
        return mean / unit

    return formula


def _load(part: str, whole: str, unit: float) -> Formula:
    def formula(view: View, _label: str | None, window: str | None) -> Expression:
        return ratio(view.sum(_LOAD[part], window), view.sum(_LOAD[whole], window)) / unit

    return formula


def _smooth(view: View, _label: str | None, window: str | None) -> Expression:
    stalled, watched = (
        added(known(view.sum(_cell(probe, cell), window)) for probe in PROBES)
        for cell in ("stall_ms", "interval_ms")
    )
    return 1 - ratio(stalled, watched)


def _dropped(view: View, probe: str | None, _window: str | None) -> Expression:
    return view.total(_cell(probe, "dropped_frames"))


def _pings(view: View, probe: str | None, window: str | None) -> Expression:
    return view.sum(_cell(probe, "pings"), window)


def _newest(view: View, probe: str | None, _window: str | None) -> Expression:
    return view.register(f"ping:{probe}", 0) / 1_000


_TOLD: Final = 7
_OFFSET_S, _NODES, _STALLED, _SHARE, _STALLS, _DRIFT, _INTERVAL_S = range(_TOLD)
"""What is told of the pings of each probe, see ``stream/native/ping_figures.hpp``; a window that does not
tell one of them has NaN there."""
_ROW: Final = len(PROBES) * _TOLD
_BY_WINDOW: Final[dict[str, tuple[str, int]]] = {
    "10s": ("1m", _ROW),
    "1m": ("1m", 0),
    "5m": ("15m", 0),
    "15m": ("15m", _ROW),
}
"""Window -> the window that is read for it, and where what it tells begins."""


def _told(view: View, probe: str, window: str, at: int) -> Expression:
    """Return one thing that the pings of a probe tell of a window."""
    read, begin = _BY_WINDOW[window]
    place = begin + PROBES.index(probe) * _TOLD + at
    operation = "ping_minute" if read == "1m" else "ping_quarter"
    return expression(operation, PING_LOG, place, view.span(read))


def _told_of(at: int) -> Formula:
    def formula(view: View, probe: str | None, window: str | None) -> Expression:
        assert probe is not None
        return _told(view, probe, window or "15m", at)

    return formula


def _stalled_share(view: View, _label: str | None, window: str | None) -> Expression:
    """Return the share of stalled nodes, all probes together."""
    assert window is not None
    stalled, nodes = (
        added(known(_told(view, probe, window, at)) for probe in PROBES) for at in (_STALLED, _NODES)
    )
    return ratio(stalled, nodes)


GROUPS: Final = (*PINGS.values(), LOAD)
EXTRAS: Final = (pings.EXTRA,)
JOINT: Final[dict[tuple[Any, ...], tuple[str, ...]]] = {}
FIGURES: Final = (FeedFigures("health", _add),)
FORMULAS: Final[dict[str, Formula]] = {
    "live_stall_ratio": _mean("stall_ms", "interval_ms", 1),
    "live_stalls_per_100_seconds": _told_of(_STALLS),
    "live_smooth_ratio": _smooth,
    "live_stalled_nodes_ratio": _stalled_share,
    "live_frames_per_second": _mean("fps_milli", "fps_pings", 1_000),
    "live_bytes_per_second": _mean("rate_bytes", "rate_pings", 1),
    "live_rtt_seconds": _mean("rtt_us", "rtt_pings", 1_000_000),
    "live_dropped_frames_total": _dropped,
    "live_av_offset_seconds": _told_of(_OFFSET_S),
    "live_av_drift_ratio": _told_of(_DRIFT),
    "live_cpu_ratio": _load("cpu_milli", "cpu_pings", 1_000),
    "live_egress_use_ratio": _load("egress_kbps", "egress_limit_kbps", 1),
    "live_pings": _pings,
    "live_ping_interval_seconds": _told_of(_INTERVAL_S),
    "live_ping_newest_timestamp_seconds": _newest,
    "live_stalled_nodes": _told_of(_STALLED),
    "live_stalled_nodes_share": _told_of(_SHARE),
    "live_online": lambda view, _label, _window: view.register("online", 1),
    "live_capacity": lambda view, _label, _window: view.fact("capacity"),
    "live_egress_limit_bytes_per_second": lambda view, _label, _window: view.register("egress_limit", 1),
}
