"""The rules stage of one partition: a fold over its log of ``live.windows`` that begins and ends alerts.

Pure: time is the record's tick, and the state is packed fields that the caller keeps. The same log gives the
same transitions at the same positions, from whatever stored state the fold goes on. Memory is bounded by the
live rooms, the vendors of the last 15 minutes, and the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from zlib import crc32

from msgspec.structs import replace as with_values

from alerts.bundles import Bundles
from alerts.conditions import Watch
from alerts.deadlines import Deadlines
from alerts.detectors.hits import with_hits
from alerts.detectors.reading import INFO
from alerts.detectors.silence import FEED
from alerts.held import (
    Held,
    Meta,
    beside,
    falls_silent,
    is_calm,
    is_gone,
    judged,
    matched,
    newest_of,
    only_figures,
    pack,
    pack_figures,
    pack_states,
    unpack_figures,
    unpack_meta,
    unpack_states,
)
from alerts.model import Heartbeat, Transition
from alerts.ruleset import RuleSet
from alerts.states import AlertState, Decision, ended_again, flapping
from alerts.telling import End, Place, transition_of
from alerts.turns import Turns
from alerts.windows import RoomEntry, VendorEntry, WindowsRecord
from stream.catalogue import COLUMNS_VERSION, ROOM_COLUMNS, VENDOR_COLUMNS
from stream.columns import RELEASED, filled_up
from stream.errors import StageError

__all__ = ["RulesFold"]

_Told = tuple[str, int, Transition]
_SetAt = Callable[[int], RuleSet]
_Ready = Callable[[RuleSet], Bundles]
_VERSIONS: Final = frozenset((*RELEASED, COLUMNS_VERSION))
"""Versions of the columns that are understood: those of older ones are the first ones of ours."""


class RulesFold:
    """Folds one partition of ``live.windows``.

    Args:
        ruleset_at: the set in force at a tick; the same object for as long as the set is the same.
        partition: number of the partition.
        epoch: of the rules owner, put into the transitions.
        ready: makes a set ready.

    Attributes:
        turns: what the newest record changed of the rooms' sessions; their positions follow the transitions'.
    """

    def __init__(
        self, ruleset_at: _SetAt, *, partition: int = 0, epoch: int = 0, ready: _Ready = Bundles
    ) -> None:
        self._ruleset_at, self._ready = ruleset_at, ready
        self._partition, self._epoch = partition, epoch
        self._meta = Meta()
        self._held: dict[str, Held] = {}
        self._bundles: Bundles | None = None
        self._told = list[_Told]()
        self.turns = Turns(partition, epoch)
        self._dirty, self._moved = set[str](), set[str]()  # whose figures, whose states are to be kept
        self._deadlines = Deadlines()

    @property
    def tick_ms(self) -> int:
        """Return the newest tick, 0 before the first record."""
        return self._meta.tick_ms

    def subject(self, key: str) -> Held | None:
        """Return what is held of a room or vendor; None when nothing is."""
        return self._held.get(key)

    def heartbeat(self) -> Heartbeat:
        """Return the sign of life that tells how far the fold is."""
        meta = self._meta
        position = (meta.offset, max(0, meta.told - 1))
        return Heartbeat(
            self._partition, self._epoch, position, meta.tick_ms, dict(meta.reach_ms), *meta.shares
        )

    def apply(self, offset: int, append_ms: int, record: WindowsRecord) -> list[Transition]:  # noqa: ARG002 - see Args
        """Return what a record changes, by subject and rule.

        Args:
            offset: of the record in its partition.
            append_ms: of the record; part of the stage's input, though time is the tick's.
            record: the next record; one of a lower owner epoch or with a seen ``seq`` is dropped.

        Raises:
            StageError: the record's columns are of a version that this program does not know.
        """
        self._meta.offset, self._meta.told = offset, 0
        self.turns.told = []
        if not self._accept(record):
            return []
        self._begin(record)
        if not self._meta.sessions:
            self.turns.under_way(self._held.values())
            self._meta.sessions = True
        for room in record.rooms:
            self._take_room(room, record)
        for vendor in record.vendors:
            self._take_vendor(vendor, record)
        if record.last:
            self._close(record)
        elif self._meta.closed_ms == self._meta.tick_ms:
            self._wake()
        told = [transition for _, _, transition in sorted(self._told, key=lambda entry: entry[:2])]
        self._told.clear()
        self._meta.told = len(told) + self.turns.tell(offset, len(told), self._meta.tick_ms)
        return [with_values(transition, position=(offset, index)) for index, transition in enumerate(told)]

    def learn(self, held: Held, tick_ms: int, reach_ms: dict[str, int]) -> None:
        """Let detectors learn at the close of a tick at which judging what is held would change nothing."""
        meta = self._meta
        closed_ms, meta.closed_ms, meta.tick_ms = meta.closed_ms, tick_ms, tick_ms
        meta.reach_ms, meta.checked_ms = reach_ms, reach_ms.get(FEED, 0)
        held.judged_ms = tick_ms
        if held.state == "live":
            self._wait(held)
            self._observe(held, closed_ms)

    def changed(self) -> dict[str, bytes | None]:
        """Return the fields of the state that changed since the last call; None = the field is gone."""
        bundles = self._bundles
        if bundles is not None:
            self._meta.places = (list(bundles.room_figures), list(bundles.vendor_figures))
        fields: dict[str, bytes | None] = {"meta": pack(self._meta)}
        for key in self._dirty | self._moved:
            held = self._held.get(key)
            if held is None or bundles is None:
                fields[f"r:{key}"] = fields[f"s:{key}"] = None
                continue
            if key in self._dirty:
                fields[f"r:{key}"] = pack_figures(held, bundles.figures(held.room_id))
            if key in self._moved:
                fields[f"s:{key}"] = pack_states(held)
        self._dirty, self._moved = set(), set()
        return fields

    def load(self, fields: Mapping[str, bytes]) -> None:
        """Go on from stored state: every field that ``changed`` ever returned, the newest of each."""
        self._held, self._bundles, self._deadlines = {}, None, Deadlines()
        self._dirty, self._moved = set(), set()
        self._meta = unpack_meta(fields["meta"]) if "meta" in fields else Meta()
        if not self._meta.tick_ms:
            return
        bundles = self._bundles = self._ready(self._ruleset_at(self._meta.tick_ms))
        ours = (list(bundles.room_figures), list(bundles.vendor_figures))
        kept = self._meta.places or ours
        for name in sorted(fields):
            kind, _, key = name.partition(":")
            if kind == "r":
                vendor = "/" in key
                columns = len(VENDOR_COLUMNS if vendor else ROOM_COLUMNS)
                self._held[key] = unpack_figures(key, fields[name], kept[vendor], columns)
                self._equip(self._held[key])
        if kept != ours:
            self._dirty.update(self._held)
        for key, held in self._held.items():
            if packed := fields.get(f"s:{key}"):
                unpack_states(held, packed)

    def _accept(self, record: WindowsRecord) -> bool:
        meta = self._meta
        if record.epoch < meta.epoch or (record.epoch == meta.epoch and record.seq <= meta.seq):
            return False
        if record.columns not in _VERSIONS:
            raise StageError(
                f"live.windows of partition {self._partition} has columns version {record.columns}, "
                f"this program knows {', '.join(map(str, sorted(_VERSIONS)))}: run the version that wrote it"
            )
        if record.epoch > meta.epoch:
            meta.swept = meta.epoch < 0
        meta.epoch, meta.seq = record.epoch, record.seq
        return True

    def _begin(self, record: WindowsRecord) -> None:
        """Move to the record's tick, and to the rule set in force at it."""
        meta = self._meta
        meta.tick_ms = max(meta.tick_ms, record.tick_ms)
        meta.reach_ms = {
            feed: max(reach_ms, meta.reach_ms.get(feed, 0)) for feed, reach_ms in record.reach_ms.items()
        } or meta.reach_ms
        meta.shares = (record.records_1m, record.dead_1m)
        ruleset = self._ruleset_at(meta.tick_ms)
        if self._bundles is None:
            self._bundles = self._ready(ruleset)
        elif self._bundles.ruleset is not ruleset:
            self._switch(self._bundles, self._ready(ruleset))

    def _switch(self, before: Bundles, after: Bundles) -> None:
        """Put another rule set in force; episodes of rules that are gone end."""
        self._bundles = after
        for held in self._held.values():
            watches = held.bundle.by_name
            held.values = only_figures(held.values, before.figures(held.room_id))
            self._equip(held)
            for name in sorted(held.states):
                if name in held.bundle.by_name:
                    held.states[name] = matched(held.states[name], watches[name], held.bundle.by_name[name])
                else:
                    self._end(held, watches[name], held.states.pop(name), "rule_removed")
            held.flaps = {name: flaps for name, flaps in held.flaps.items() if name in held.bundle.by_name}
            kept = {each.id for learning in held.bundle.observers.values() for each in learning}
            held.memory = {name: memory for name, memory in held.memory.items() if name in kept}
        self._dirty, self._moved = self._dirty | self._held.keys(), self._moved | self._held.keys()

    def _equip(self, held: Held) -> None:
        assert self._bundles is not None
        held.bundle = (
            self._bundles.vendor if held.room_id is None else self._bundles.room(held.room_id, held.facts)
        )
        held.calm, held.stepped = False, True
        if held.bundle.silences:
            self._deadlines.wake(held.key, 0)

    def _take_room(self, entry: RoomEntry, record: WindowsRecord) -> None:
        """Hold a room's new figures and judge them."""
        held = self._held.get(entry.room_id)
        if held is None:
            held = self._held[entry.room_id] = Held(key=entry.room_id, room_id=entry.room_id, state="planned")
            held.session_ms, held.facts = entry.session_ms, entry.facts or {}
            self._equip(held)
        elif entry.facts is not None and entry.facts != held.facts:
            held.facts = entry.facts
            self._equip(held)
        if entry.state == "ended" or entry.session_ms != held.session_ms:
            self._end_session(held)
        held.stepped = held.stepped or entry.state != held.state
        self.turns.saw(held, entry)
        held.session_ms, held.state = entry.session_ms, entry.state
        held.values = filled_up(entry.values, len(ROOM_COLUMNS))
        held.newest_ms, held.epoch, held.calm = entry.newest_ms, record.epoch, False
        if entry.hits:
            held.hits = with_hits(held.hits, entry.hits, self._meta.tick_ms)
            self._moved.add(held.key)
        self._dirty.add(held.key)
        self._judge(held)

    def _take_vendor(self, entry: VendorEntry, record: WindowsRecord) -> None:
        key = f"{entry.vendor}/{entry.operation}"
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = Held(key=key, room_id=None)
            held.facts = {"vendor": entry.vendor, "operation": entry.operation}
            self._equip(held)
        held.values = filled_up(entry.values, len(VENDOR_COLUMNS))
        held.newest_ms, held.epoch, held.calm = newest_of(entry), record.epoch, False
        self._dirty.add(key)
        self._judge(held)

    def _close(self, record: WindowsRecord) -> None:
        """Judge whoever this tick has not judged yet, let detectors learn, forget who is gone."""
        tick_ms = self._meta.tick_ms
        if not self._meta.swept:
            self._sweep(record.epoch)
        for key in [key for key, held in self._held.items() if is_gone(held, tick_ms)]:
            self._forget(key)
        closed_ms, self._meta.closed_ms = self._meta.closed_ms, tick_ms
        for held in self._held.values():
            if held.judged_ms != tick_ms:
                self._judge(held)
            if held.state == "live":
                self._observe(held, closed_ms)
        self._meta.checked_ms = self._meta.reach_ms.get(FEED, 0)

    def _wake(self) -> None:
        """Between two ticks, judge the rooms whose silence has reached a limit since it was looked at."""
        reach_ms, checked_ms = self._meta.reach_ms.get(FEED, 0), self._meta.checked_ms
        self._meta.checked_ms = reach_ms
        for key in self._deadlines.due(reach_ms):
            held = self._held.get(key)
            if held is None:
                continue
            self._set_clock(held)
            if held.quiet_ms != held.tick_ms and falls_silent(held, checked_ms, reach_ms):
                for watch in held.bundle.waiting:
                    self._step(held, watch, tuple(ask(held) for ask in watch.asks))
            self._wait(held)

    def _wait(self, held: Held) -> None:
        """See to it that the room is woken when its silence reaches the next limit."""
        if held.state == "live":
            reach_ms = held.reach_ms.get(FEED, 0)
            for silence in held.bundle.silences:
                if (next_ms := silence.next_ms(held, reach_ms)) is not None:
                    self._deadlines.wake(held.key, next_ms)

    def _sweep(self, epoch: int) -> None:
        """Close the rooms that a new owner of the partition does not know: they ended unseen."""
        for key in [key for key, held in self._held.items() if held.epoch < epoch]:
            self._forget(key)
        self._meta.swept = True

    def _forget(self, key: str) -> None:
        held = self._held.pop(key)
        self._end_session(held)
        self.turns.gone(held)
        self._dirty.add(key)

    def _end_session(self, held: Held) -> None:
        for name, state in sorted(held.states.items()):
            self._end(held, held.bundle.by_name[name], state, "room_ended")
        held.states.clear()
        held.memory.clear()
        held.flaps.clear()
        held.hits, held.stepped = [], True
        held.quiet_ms = self._meta.tick_ms
        self._moved.add(held.key)

    def _end(self, held: Held, watch: Watch, state: AlertState, why: End) -> None:
        if state.severity:
            leader = min(state.leader, len(watch.conditions) - 1)
            decision = Decision("resolved", state.severity, state.started_at_ms, leader)
            self._tell(held, watch, decision, why)

    def _judge(self, held: Held) -> None:
        """Ask every rule of the subject; only those with a breach or a history go through ``step``."""
        self._set_clock(held)
        held.judged_ms = tick_ms = held.tick_ms
        if held.quiet_ms == tick_ms:
            return
        if held.states or held.calm or not is_calm(held):
            self._judge_each(held)
        self._wait(held)

    def _judge_each(self, held: Held) -> None:
        states, calm = held.states, held.calm
        for watch in held.bundle.waiting if calm else held.bundle.by_state.get(held.state, ()):
            if not states or watch.rule.name not in states:
                for ask in watch.asks:
                    level = ask(held)
                    if level is not None and level >= INFO:
                        break
                else:
                    continue
            calm = False
            self._step(held, watch, tuple(ask(held) for ask in watch.asks))
        held.calm = calm

    def _set_clock(self, held: Held) -> None:
        held.tick_ms, held.reach_ms = self._meta.tick_ms, self._meta.reach_ms

    def _step(self, held: Held, watch: Watch, levels: tuple[int | None, ...]) -> None:
        held.calm = False
        name = watch.rule.name
        state, decision = judged(held, watch, levels)
        if state is not held.states.get(name):
            self._moved.add(held.key)
            if state is None:
                held.states.pop(name, None)
            else:
                held.states[name] = state
        if decision is None:
            return
        if decision.to == "resolved":
            held.flaps[name] = ended_again(held.flaps.get(name), self._meta.tick_ms)
        self._tell(held, watch, decision, "recovered" if decision.to == "resolved" else None)

    def _observe(self, held: Held, closed_ms: int) -> None:
        """Let the detectors learn whose step has begun since the last close; rooms take turns."""
        tick_ms, phase_ms = self._meta.tick_ms, crc32(held.key.encode())
        for step_ms, learning in held.bundle.observers.items():
            if (tick_ms + phase_ms) // step_ms != (closed_ms + phase_ms) // step_ms:
                self._set_clock(held)
                for condition in learning:
                    condition.observe(held)
                held.calm, held.stepped = False, True
                self._moved.add(held.key)

    def _tell(self, held: Held, watch: Watch, decision: Decision, why: End | None) -> None:
        self._set_clock(held)
        version = self._bundles.ruleset.version if self._bundles else 0
        place = Place(self._partition, self._epoch, version)
        flaps = flapping(held.flaps.get(watch.rule.name), held.tick_ms) if why is None else 0
        told = transition_of(held, watch, decision, why, place, flaps, beside(held, watch))
        self._told.append((held.key, watch.order, told))
