"""How the picture is: pings of the ingest, the edge and the players.

Measured numbers are kept as integers of a small unit (a thousandth of a frame, a byte, a microsecond), so
that sums do not depend on the order in which they are added. What sums cannot tell comes from the pings
themselves, see ``stream.figures.pings``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from stream.catalogue import WINDOWS_MS
from stream.cells import Batch, FeedFigures, Group
from stream.figures import pings
from stream.figures.drift import drifts, medians
from stream.figures.nodes import BEFORE_MS, sampled, stalled_nodes, stalls_begun
from stream.figures.pings import AT_BITS, OFFSET_STEPS, PING_LOG, SESSIONS_MAX, Pings, add_ping, read_pings
from stream.figures.view import Figures, Formula, View, known, ratio
from stream.model import PROBES, Ping
from stream.panes import pane_ms
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
WorkOut = Callable[[Pings, int], Figures]
"""Gives a row for each session: (pings of a window, the window's length in milliseconds) -> what is told."""


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
    def formula(view: View, probe: str | None, window: str | None) -> Figures:
        mean = ratio(view.sum(_cell(probe, total), window), view.sum(_cell(probe, number), window))
        return mean / unit

    return formula


def _load(part: str, whole: str, unit: float) -> Formula:
    def formula(view: View, _label: str | None, window: str | None) -> Figures:
        return ratio(view.sum(_LOAD[part], window), view.sum(_LOAD[whole], window)) / unit

    return formula


def _smooth(view: View, _label: str | None, window: str | None) -> Figures:
    stalled, watched = (
        sum(known(view.sum(_cell(probe, cell), window)) for probe in PROBES)
        for cell in ("stall_ms", "interval_ms")
    )
    return 1 - ratio(np.asarray(stalled), np.asarray(watched))


def _dropped(view: View, probe: str | None, _window: str | None) -> Figures:
    return view.total(_cell(probe, "dropped_frames"))


def _pings(view: View, probe: str | None, window: str | None) -> Figures:
    return view.sum(_cell(probe, "pings"), window)


def _newest(view: View, probe: str | None, _window: str | None) -> Figures:
    return view.register(f"ping:{probe}", 0) / 1_000


_TOLD: Final = 7
_OFFSET_S, _NODES, _STALLED, _SHARE, _STALLS, _DRIFT, _INTERVAL_S = range(_TOLD)
"""What is told of each probe; a window that does not tell one of them has NaN there."""
_OFFSETS_IN_S: Final = OFFSET_STEPS * 1_000
_ROW: Final = len(PROBES) * _TOLD
_TEN_MS, _FIVE_MS = WINDOWS_MS["10s"], WINDOWS_MS["5m"]
_NUMBER: Final[dict[str, int]] = {probe: number for number, probe in enumerate(PROBES)}


def _short(minute: Pings, length_ms: int) -> Figures:
    """Tell of a minute, and then of the 10 s that end at the same instant."""
    tens = minute.where(minute.at_ms >= length_ms - _TEN_MS)
    rows = [_by_session({_OFFSET_S: _offsets_s(one), **_nodes(one)}, one.sessions) for one in (minute, tens)]
    return np.hstack(rows)


def _long(found: Pings, length_ms: int) -> Figures:
    """Tell of 5 min, and then of the 15 min that end at the same instant."""
    interval_s = medians(found.group, found.interval_ms, found.groups) / 1_000
    quarter = _by_session({_INTERVAL_S: interval_s, **_nodes(found)}, found.sessions)
    five = _by_session(_five_minutes(found, length_ms - _FIVE_MS), found.sessions)
    return np.hstack((five, quarter))


def _five_minutes(pings: Pings, start_ms: int) -> dict[int, Figures]:
    """Tell of five minutes.

    Args:
        pings: those of some time before, too.
        start_ms: where the five minutes begin.
    """
    more, _ = sampled(pings.where(pings.at_ms >= start_ms - BEFORE_MS))
    more = more.where(np.argsort(more.node << AT_BITS | more.at_ms))
    inside = more.at_ms >= start_ms
    found = more.where(inside)
    nodes, stalled = stalled_nodes(found)
    told = {_OFFSET_S: _offsets_s(found), _NODES: nodes, _STALLED: stalled, _SHARE: ratio(stalled, nodes)}
    return told | {_STALLS: stalls_begun(more, inside), _DRIFT: drifts(found.where(found.has_offset))}


def _offsets_s(found: Pings) -> Figures:
    group, offset = found.group[found.has_offset], found.offset[found.has_offset]
    return medians(group, offset, found.groups) / _OFFSETS_IN_S


def _nodes(found: Pings) -> dict[int, Figures]:
    """Return the stalled nodes and their share; where nothing stalls, nodes need not be told apart."""
    group = found.group
    pings = np.bincount(group, minlength=found.groups)
    stalls = np.bincount(group, found.stall_ms > 0, minlength=found.groups) > 0
    nodes, stalled = stalled_nodes(found, stalls[group])
    calm = (pings > 0) & ~stalls
    return {_STALLED: np.where(calm, 0, stalled), _SHARE: np.where(calm, 0, ratio(stalled, nodes))}


def _by_session(told: dict[int, Figures], sessions: int) -> Figures:
    """Return of each session a row of what is told of each probe."""
    whole = np.full((sessions * len(PROBES), _TOLD), np.nan)
    for at, figures in told.items():
        whole[:, at] = figures
    return whole.reshape(sessions, _ROW)


_BY_WINDOW: Final[dict[str, tuple[str, WorkOut, int]]] = {
    "10s": ("1m", _short, _ROW),
    "1m": ("1m", _short, 0),
    "5m": ("15m", _long, 0),
    "15m": ("15m", _long, _ROW),
}
"""Window -> the window that is read for it, by what, and where its row begins."""
_WHAT: Final = {"1m": 0, "15m": 1}


def _told(view: View, window: str, at: int) -> Figures:
    """Return one thing that pings of a window tell: a row for each subject, of the probes."""
    read, work_out, begin = _BY_WINDOW[window]
    rows = view.once(f"pings:{read}", lambda: _rows(view, read, work_out))
    return rows[:, begin + at : begin + _ROW : _TOLD]


def _rows(view: View, window: str, work_out: WorkOut) -> list[Figures]:
    """Return the row of each subject; read again are those of which a ping came or went."""
    coarse, first, end = view.span(window)
    step, key = pane_ms(window), f"pings:{window}"
    stale = view.group.stale(PING_LOG, _WHAT[window], coarse, first, end)
    for at in range(0, len(stale), SESSIONS_MAX):
        some = stale[at : at + SESSIONS_MAX]
        rows = work_out(read_pings(view.group, some, first * step, end * step), (end - first) * step)
        for place, row in zip(some, rows, strict=True):
            view.tallies[place].memory[key] = row
    return [tally.memory[key] for tally in view.tallies]


def _told_of(at: int) -> Formula:
    def formula(view: View, probe: str | None, window: str | None) -> Figures:
        assert probe is not None
        return _told(view, window or "15m", at)[:, _NUMBER[probe]]

    return formula


def _stalled_share(view: View, _label: str | None, window: str | None) -> Figures:
    """Return the share of stalled nodes, all probes together."""
    assert window is not None
    stalled, nodes = (known(_told(view, window, at)).sum(axis=1) for at in (_STALLED, _NODES))
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
