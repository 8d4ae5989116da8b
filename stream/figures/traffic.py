"""Who comes, from where, who is there, who clicks: the visits of a room."""

from __future__ import annotations

from typing import Final

from stream.catalogue import WINDOWS_MS
from stream.cells import FeedFigures, FloodBatch, Group
from stream.figures.dwell import add_stays
from stream.figures.expression import Expression, Open, added, known, larger, ratio, unknown, where
from stream.figures.items import add_clicks
from stream.figures.labels import amounts_of
from stream.figures.people import count_people, people
from stream.figures.quality import PINGS
from stream.figures.returns import FORMULAS as RETURNS
from stream.figures.returns import RETURNERS, SAMPLE_MAX
from stream.figures.view import Formula, View
from stream.model import Feed

__all__ = [
    "ACTIONS",
    "EXTRAS",
    "FIGURES",
    "FORMULAS",
    "GROUPS",
    "JOINT",
    "ONLINE",
    "VISITS",
    "mean_viewers",
    "per_second",
    "total",
]

VISITS: Final = Group("visits", "visits", ("enter", "leave", "click", "cart", "follow", "share", "rate"))
_CELL: Final = {action: VISITS.cell(action) for action in VISITS.cells}
_SETS: Final = {"enter": "visitors", "click": "clickers", "follow": "followers", "share": "interacters"}
"""What people do -> the set that they join by it."""
_BUSY: Final = frozenset({"share", "follow"})
"""What is an event of theirs among the busiest."""
ACTIONS: Final = [(action, cell, _SETS.get(action), action in _BUSY) for action, cell in _CELL.items()]
"""What people do, its cell, the set, and whether it is an event of theirs among the busiest."""
_ENTERS_FROM: Final = "enters_from"
"""Amounts by source: enters."""
ONLINE: Final = tuple(group.cell(cell) for group in PINGS.values() for cell in ("online_sum", "online_pings"))
"""Cells that ``mean_viewers`` needs windows of."""
_BY_KIND: Final = (ONLINE[::2], ONLINE[1::2])


def _add(batch: FloodBatch) -> None:
    tally = batch.tally
    there, most = tally.registers.get("balance") or (0, 0)
    here, most, sources, stays, clicks = tally.add_visits(
        batch.part, batch.late, batch.whole, batch.oldest, there, most
    )
    if here != there or sources:
        tally.register("balance", [])[:] = here, most
        for source, number in sources:
            amounts_of(tally, _ENTERS_FROM, source, 1)[0] += number
    if stays:
        add_stays(tally, stays)
    if batch.whole and clicks:
        add_clicks(tally, clicks)


def per_second(cell: str) -> Formula:
    """Return the formula of a rate: the window's sum by its length."""

    def formula(view: View, _label: str | None, window: str | None) -> Expression:
        assert window is not None
        return view.window(cell, window) * 1_000 / WINDOWS_MS[window]

    return formula


def total(cell: str) -> Formula:
    """Return the formula of a counter: the sum since the session began."""
    return lambda view, _label, _window: view.total(cell)


def _viewers(view: View, _label: str | None = None, _window: str | None = None) -> Expression:
    """Return the newest `online`; without one, who entered and has not left."""
    online, balance = view.register("online", 1), view.register("balance", 0)
    return where(unknown(online), larger(balance, 0), online)


def mean_viewers(view: View, window: str) -> Expression:
    """Return the mean `online` of the pings of a window; without any, the viewers now."""
    online, pings = (added(known(view.window(cell, window)) for cell in some) for some in _BY_KIND)
    return where(pings > 0, ratio(online, pings), _viewers(view))


def _peak(view: View, _label: str | None, _window: str | None) -> Expression:
    online, balance = view.register("online", 2), view.register("balance", 1)
    return where(unknown(online), balance, online)


def _visitors(view: View, _label: str | None, window: str | None) -> Expression:
    return count_people(view, "visitors", window, seen=_CELL["enter"])


def _clickers(view: View, _label: str | None, window: str | None) -> Expression:
    return count_people(view, "clickers", window, seen=_CELL["click"])


GROUPS: Final = (VISITS,)
EXTRAS: Final = (
    people("visitors", sample=(RETURNERS, SAMPLE_MAX)),
    people("clickers"),
    people("followers", windows=False),
)
JOINT: Final[dict[tuple[Feed, ...], tuple[str, ...]]] = {}
FIGURES: Final = (FeedFigures("visits", _add),)
FORMULAS: Final[dict[str, Formula]] = {
    "live_viewers": _viewers,
    "live_viewers_peak": _peak,
    "live_enters_total": total(_CELL["enter"]),
    "live_leaves_total": total(_CELL["leave"]),
    "live_enters_per_second": per_second(_CELL["enter"]),
    "live_visitors": _visitors,
    "live_source_enters_total": lambda _view, _label, _window: Open(_ENTERS_FROM, 0),
    "live_clicks_total": total(_CELL["click"]),
    "live_clickers": _clickers,
    **RETURNS,
}
