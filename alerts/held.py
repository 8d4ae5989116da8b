"""What the rules stage holds of a room or a vendor, and its packed form in the store.

Two fields for each subject: ``r:<key>`` changes with its figures, ``s:<key>`` with the states of its rules
and what its detectors remember. Only figures that some rule may read are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from alerts.bundles import Bundle
from alerts.conditions import Watch
from alerts.contributions import EXPLAINED_KINDS
from alerts.detectors.hits import Hit
from alerts.detectors.reading import INFO, OK, Subject
from alerts.evidence import QUALITY_KINDS
from alerts.states import AlertState, Decision, Finding, damped, rests, severity_of, step
from alerts.windows import RoomEntry, RoomState, VendorEntry

__all__ = [
    "PLANNED_MS",
    "VENDOR_SILENT_MS",
    "Held",
    "Meta",
    "beside",
    "changes",
    "falls_silent",
    "is_calm",
    "is_gone",
    "judged",
    "matched",
    "newest_of",
    "only_figures",
    "pack",
    "pack_figures",
    "pack_states",
    "unpack_figures",
    "unpack_meta",
    "unpack_states",
]

VENDOR_SILENT_MS: Final = 15 * 60_000
"""A vendor without calls for this long is forgotten, milliseconds: the longest window is empty by then."""
PLANNED_MS: Final = 24 * 3_600_000
"""A planned room is forgotten this long after it should have begun, milliseconds."""

pack: Final = msgspec.msgpack.Encoder().encode


class Meta(msgspec.Struct, array_like=True):
    """What the fold of a partition holds besides its subjects.

    Fields are only ever appended, with a default: a newer program reads what an older one kept.

    Attributes:
        epoch: of the newest owner of the partition in the ingest stage.
        seq: newest record of that owner.
        closed_ms: newest tick that was closed.
        checked_ms: reach at which the silence of all rooms was looked at last.
        shares: records, and dead letters, of the minute before the newest tick.
        swept: rooms that this owner did not send have been closed.
        places: places of the figures that are kept of rooms, and of vendors; None in older states.
        sessions: whether the sessions under way were told; in older states they were not.
    """

    epoch: int = -1
    seq: int = 0
    tick_ms: int = 0
    offset: int = -1
    told: int = 0
    swept: bool = True
    closed_ms: int = 0
    checked_ms: int = 0
    reach_ms: dict[str, int] = {}
    shares: tuple[int, int] = (0, 0)
    places: tuple[list[int], list[int]] | None = None
    sessions: bool = False


@dataclass(slots=True)
class Held(Subject):
    """A subject with its rules.

    Attributes:
        epoch: owner that sent it last.
        judged_ms: tick at which its present figures were judged.
        quiet_ms: tick at which a session of it ended; nothing begins at that tick, so that ids stay unique.
        states: rules that are pending or firing, by name.
        stepped: conditions that change at their steps only may have changed since they were asked.
        calm: nothing is breached, pending or firing, and nothing that a rule looks at has changed since it
            was judged; only a silence can then begin by the passing of time. Not kept, like ``stepped``:
            judging anew says the same.
        flaps: how often lately an episode of a rule ended by recovery, and the tick of the last time.
    """

    epoch: int = 0
    judged_ms: int = 0
    quiet_ms: int = 0
    bundle: Bundle = field(default=Bundle({}, {}, (), (), {}))
    states: dict[str, AlertState] = field(default_factory=dict)
    flaps: dict[str, list[int]] = field(default_factory=dict)
    calm: bool = False
    stepped: bool = True


class _Figures(msgspec.Struct, array_like=True):
    room_id: str | None
    session_ms: int | None
    state: RoomState
    facts: Mapping[str, Any]
    values: list[Any]
    newest_ms: Mapping[str, int]
    epoch: int
    judged_ms: int
    quiet_ms: int


class _States(msgspec.Struct, array_like=True):
    """Fields are only ever appended, with a default."""

    states: dict[str, AlertState]
    memory: dict[str, list[Any]]
    hits: list[Hit] = []
    flaps: dict[str, list[int]] = {}


_META: Final = msgspec.msgpack.Decoder(Meta)
_FIGURES: Final = msgspec.msgpack.Decoder(_Figures)
_STATES: Final = msgspec.msgpack.Decoder(_States)


def pack_figures(held: Held, figures: Sequence[int]) -> bytes:
    """Return the subject's figures packed; of the values only those at these places."""
    values = held.values
    return pack(
        _Figures(
            room_id=held.room_id,
            session_ms=held.session_ms,
            state=held.state,
            facts=held.facts,
            values=list(_chosen(tuple(figures))(values)),
            newest_ms=held.newest_ms,
            epoch=held.epoch,
            judged_ms=held.judged_ms,
            quiet_ms=held.quiet_ms,
        )
    )


@lru_cache(64)
def _chosen(figures: tuple[int, ...]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Return what takes the values at these places: a third of the time of a loop."""
    if len(figures) > 1:
        return itemgetter(*figures)
    return lambda values: [values[at] for at in figures]


def unpack_figures(key: str, packed: bytes, figures: Sequence[int], columns: int) -> Held:
    """Return the subject that ``pack_figures`` packed.

    Args:
        key: the subject.
        packed: what was kept.
        figures: places of the figures that were kept; where these are of another number, it was written by a
            program that did not tell them, and the next record of the subject brings its figures.
        columns: number of places.
    """
    kept = _FIGURES.decode(packed)
    values: list[Any] = [None] * columns
    if len(figures) == len(kept.values):
        for at, value in zip(figures, kept.values, strict=True):
            values[at] = value
    return Held(
        key=key,
        room_id=kept.room_id,
        session_ms=kept.session_ms,
        state=kept.state,
        facts=kept.facts,
        values=values,
        newest_ms=kept.newest_ms,
        epoch=kept.epoch,
        judged_ms=kept.judged_ms,
        quiet_ms=kept.quiet_ms,
    )


def only_figures(values: Sequence[Any], figures: Sequence[int]) -> list[Any]:
    """Return the values with every place but these emptied: what a fold that starts from the store sees."""
    kept: list[Any] = [None] * len(values)
    for at in figures:
        kept[at] = values[at]
    return kept


def newest_of(entry: RoomEntry | VendorEntry) -> Mapping[str, int]:
    """Return the append time of the newest event of each feed that an entry tells."""
    return {"vendors": entry.newest_ms} if isinstance(entry, VendorEntry) else entry.newest_ms


def pack_states(held: Held) -> bytes | None:
    """Return the states and memories packed; None when there is nothing to keep."""
    if not (held.states or held.memory or held.hits or held.flaps):
        return None
    return pack(_States(held.states, held.memory, held.hits, held.flaps))


def unpack_states(held: Held, packed: bytes) -> None:
    """Give a subject the states and memories that ``pack_states`` packed."""
    kept = _STATES.decode(packed)
    held.states, held.memory = kept.states, kept.memory
    held.hits, held.flaps = kept.hits, kept.flaps


def unpack_meta(packed: bytes) -> Meta:
    """Return the fold's own state."""
    return _META.decode(packed)


def is_gone(held: Held, tick_ms: int) -> bool:
    """Return whether nothing more is to be expected of a subject."""
    if held.room_id is None:
        return tick_ms - held.newest_ms["vendors"] > VENDOR_SILENT_MS
    if held.state == "ended":
        return tick_ms > held.quiet_ms
    begins_ms = held.facts.get("starts_at_ms") or 0
    return held.state == "planned" and tick_ms - begins_ms > PLANNED_MS


def beside(held: Held, watch: Watch) -> list[tuple[str, str, int]]:
    """Return the open alerts of a subject on what may explain others: rule, severity, when it began."""
    if watch.rule.kind not in EXPLAINED_KINDS:
        return []
    return [
        (name, severity_of(state.severity), state.started_at_ms)
        for name, state in sorted(held.states.items())
        if state.severity and held.bundle.by_name[name].rule.kind in QUALITY_KINDS
    ]


def is_calm(held: Held) -> bool:
    """Tell whether no condition is in breach; a live room then stays calm until something changes."""
    bundle, state = held.bundle, held.state
    screen = bundle.asks.get(state)
    if screen is not None and screen.breached(held):
        return False
    if held.stepped:
        for ask in bundle.stepped.get(state, ()):
            level = ask(held)
            if level is not None and level >= INFO:
                return False
    held.stepped, held.calm = False, state == "live"
    return True


def judged(
    held: Held, watch: Watch, levels: tuple[int | None, ...]
) -> tuple[AlertState | None, Decision | None]:
    """Return the state that a rule comes to at the subject's tick, and what to tell of it."""
    total = any(
        level is not None and level >= INFO and condition.total(held)
        for level, condition in zip(levels, watch.conditions, strict=True)
    )
    name, tick_ms = watch.rule.name, held.tick_ms
    policy = damped(watch.policy, held.flaps.get(name), tick_ms)
    return step(policy, held.states.get(name), Finding(levels, total), tick_ms)


def changes(held: Held, watch: Watch) -> bool:
    """Tell whether judging a rule now would begin, move or end anything; of one that fires or is inactive."""
    prior = held.states.get(watch.rule.name)
    if prior is None:
        return any((ask(held) or OK) >= INFO for ask in watch.asks)
    levels = tuple([ask(held) for ask in watch.asks])
    if rests(watch.policy, prior, levels, held.tick_ms):
        return False
    state, decision = judged(held, watch, levels)
    if state is prior:
        return False
    return decision is not None or state is None or replace(state, seen_ms=prior.seen_ms) != prior


def falls_silent(held: Held, checked_ms: int, reach_ms: int) -> bool:
    """Tell whether a silence of a subject reaches a limit between two reaches of the feed."""
    return any(
        checked_ms < limit_ms <= reach_ms
        for silence in held.bundle.silences
        for limit_ms in silence.limits_ms(held)
    )


def matched(state: AlertState, before: Watch, after: Watch) -> AlertState:
    """Return a state whose levels and leader stand at the places that its conditions have in another set."""
    places = {condition.id: index for index, condition in enumerate(before.conditions)}
    old = [places.get(condition.id) for condition in after.conditions]
    levels = tuple(OK if index is None else state.levels[index] for index in old)
    leader = old.index(state.leader) if state.leader in old else 0
    return replace(state, levels=levels, leader=leader)
