"""Where a change of traffic or of conversion comes from: by source, by item, by stage of the funnel.

Pure. The parts of each kind (``by``) sum to the change, value less expected; what they leave open stands as
``rest``. A room's counters are noted every three minutes (``Past``); the change is the last minutes against
those before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from alerts.detectors.reading import Reading, Subject
from alerts.model import Kind
from stream.catalogue import ROOM_COLUMN_INDEX

__all__ = ["EXPLAINED_KINDS", "FIGURES", "PAST", "Past", "contributions_of"]

EXPLAINED_KINDS: Final[frozenset[Kind]] = frozenset(("traffic_spike", "traffic_drop", "conversion_drop"))
_COUNTERS: Final = (
    "live_viewers",
    "live_enters_total",
    "live_leaves_total",
    "live_clicks_total",
    'live_orders_total{status="created"}',
    'live_orders_total{status="paid"}',
)
_BY_NAME: Final = ("live_source_enters_total", "live_item_clickers", "live_item_payers")
FIGURES: Final = (*_COUNTERS, *_BY_NAME)
"""Columns that are noted."""
_PLACES: Final = tuple(ROOM_COLUMN_INDEX[name] for name in FIGURES)
_KEPT: Final = 5
_LATEST_MS: Final = 60_000
"""The change is looked at over this long at least, milliseconds."""
_REST: Final = "rest"
_DIGITS: Final = 9


class _Note(msgspec.Struct, array_like=True):
    """The counters of a room at a tick."""

    at_ms: int
    viewers: float
    enters: float
    leaves: float
    clicks: float
    created: float
    paid: float
    sources: dict[str, float]
    clickers: dict[str, float]
    payers: dict[str, float]


@dataclass(frozen=True, slots=True)
class Past:
    """Notes the counters of a room; learns like a condition of a rule, but says nothing by itself."""

    id: str = "past"
    metric: str | None = None
    step_ms: int = 180_000
    labels: Mapping[str, str] = field(default_factory=dict)

    def level(self, subject: Subject) -> int | None:  # noqa: ARG002 - it judges nothing
        """Return None."""
        return None

    def total(self, subject: Subject) -> bool:  # noqa: ARG002 - it judges nothing
        """Return False."""
        return False

    def read(self, subject: Subject, level: int) -> Reading:  # noqa: ARG002 - it judges nothing
        """Return nothing."""
        return Reading()

    def observe(self, subject: Subject) -> None:
        """Note the counters as they are."""
        kept = subject.memory.get(self.id, [])
        subject.memory[self.id] = [*kept, msgspec.to_builtins(_note(subject))][-_KEPT:]


PAST: Final = Past()


@dataclass(frozen=True, slots=True)
class _Change:
    """What came between two notes, as rates a second, and in the time before them."""

    seconds: float
    now: _Note
    before: _Note


def contributions_of(
    kind: Kind, metric: str | None, subject: Subject, reading: Reading
) -> list[dict[str, Any]]:
    """Return what explains an alert; empty where nothing is known of the time before.

    Args:
        kind: of the alert.
        metric: that changed.
        subject: the room.
        reading: value and expected of the change.
    """
    change = _change(subject) if kind in EXPLAINED_KINDS else None
    if change is None or reading.value is None or reading.expected is None:
        return []
    value, expected = reading.value, reading.expected
    if kind == "conversion_drop":
        return [
            *_parts("stage", _funnel(change, value, expected), value - expected),
            *_parts("item", _items(change), value - expected),
        ]
    if metric == "live_viewers":
        flows = {
            "enters": change.now.enters - change.before.enters,
            "leaves": change.before.leaves - change.now.leaves,
        }
        people = {name: rate * change.seconds for name, rate in flows.items()}
        sources = {name: rate * change.seconds for name, rate in _sources(change).items()}
        return [*_parts("source", sources, value - expected), *_parts("stage", people, value - expected)]
    if metric == "live_enters_per_second":
        return _parts("source", _sources(change), value - expected)
    return _parts("stage", _per_viewer(change, value, expected), value - expected)


def _parts(by: str, parts: Mapping[str, float], change: float) -> list[dict[str, Any]]:
    """Return parts, largest first, and what is left to make up the change; none when there is no part."""
    if not parts:
        return []
    known = {name: round(part, _DIGITS) for name, part in parts.items()}
    ordered = sorted(known.items(), key=lambda entry: (-abs(entry[1]), entry[0]))
    rest = change - sum(known.values())
    return [
        {"by": by, "name": name, "change": part} for name, part in (*ordered, (_REST, round(rest, _DIGITS)))
    ]


def _note(subject: Subject) -> _Note:
    values = subject.values
    viewers, enters, leaves, clicks, created, paid = (
        values[place] or 0 for place in _PLACES[: len(_COUNTERS)]
    )
    sources, clickers, payers = (dict(values[place] or {}) for place in _PLACES[len(_COUNTERS) :])
    return _Note(subject.tick_ms, viewers, enters, leaves, clicks, created, paid, sources, clickers, payers)


def _change(subject: Subject) -> _Change | None:
    notes = [_Note(*kept) for kept in subject.memory.get(PAST.id, ())]
    begins = next((note for note in reversed(notes) if subject.tick_ms - note.at_ms >= _LATEST_MS), None)
    if begins is None or begins is notes[0]:
        return None
    now = _note(subject)
    return _Change((now.at_ms - begins.at_ms) / 1000, _rates(begins, now), _rates(notes[0], begins))


def _rates(earlier: _Note, later: _Note) -> _Note:
    """Return what came between two notes, a second; viewers as their mean."""
    seconds = max(1.0, (later.at_ms - earlier.at_ms) / 1000)

    def each(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
        return {name: max(0.0, after[name] - before.get(name, 0)) / seconds for name in after}

    return _Note(
        later.at_ms,
        (earlier.viewers + later.viewers) / 2,
        max(0.0, later.enters - earlier.enters) / seconds,
        max(0.0, later.leaves - earlier.leaves) / seconds,
        max(0.0, later.clicks - earlier.clicks) / seconds,
        max(0.0, later.created - earlier.created) / seconds,
        max(0.0, later.paid - earlier.paid) / seconds,
        each(earlier.sources, later.sources),
        each(earlier.clickers, later.clickers),
        each(earlier.payers, later.payers),
    )


def _sources(change: _Change) -> dict[str, float]:
    """Return by how much the rate of each source changed, a second."""
    names = change.now.sources.keys() | change.before.sources.keys()
    return {name: change.now.sources.get(name, 0.0) - change.before.sources.get(name, 0.0) for name in names}


def _items(change: _Change) -> dict[str, float]:
    """Return by how much each item moved the share of clickers who pay: p / C now less p / C before."""
    clicked, clicked_before = sum(change.now.clickers.values()), sum(change.before.clickers.values())
    if not clicked or not clicked_before:
        return {}
    names = change.now.payers.keys() | change.before.payers.keys()
    now, before = change.now.payers, change.before.payers
    return {name: now.get(name, 0.0) / clicked - before.get(name, 0.0) / clicked_before for name in names}


def _funnel(change: _Change, value: float, expected: float) -> dict[str, float]:
    """Return the parts of "fewer of those who click place an order" and "fewer of those who order pay"."""
    now, before = change.now, change.before
    steps = {
        "click_to_order": (now.created, now.clicks, before.created, before.clicks),
        "order_to_paid": (now.paid, now.created, before.paid, before.created),
    }
    return {
        name: _log_mean(value, expected) * math.log((a / b) / (c / d))
        for name, (a, b, c, d) in steps.items()
        if min(a, b, c, d) > 0
    }


def _per_viewer(change: _Change, value: float, expected: float) -> dict[str, float]:
    """Return the parts of "more viewers" and "more of each viewer"."""
    viewers, before = change.now.viewers, change.before.viewers
    if min(viewers, before, value, expected) <= 0:
        return {}
    weight, crowd = _log_mean(value, expected), math.log(viewers / before)
    return {"viewers": weight * crowd, "each_viewer": weight * (math.log(value / expected) - crowd)}


def _log_mean(one: float, other: float) -> float:
    """Return the logarithmic mean: by it the logarithms of factors sum to the difference of products."""
    if one <= 0 or other <= 0:
        return 0.0
    return one if math.isclose(one, other) else (one - other) / math.log(one / other)
