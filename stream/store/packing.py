"""How rooms, sessions and vendors look in the store, and back.

A room is one hash. Its fields: ``state`` (what it is doing, its sessions, its facts), ``w:<feed>:<offset>``
(a provisional event) and, of each session, with its start: ``t:<start>`` (totals), ``r:<start>:<name>`` (a
register), ``e:<start>:<name>`` (what it keeps besides), ``f:<start>:<second>`` and ``c:<start>:<number>``
(fine and coarse panes), ``F:`` and ``C:`` (what these keep besides). ``docs/keys.md`` has the details.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final

import msgspec
import numpy as np

from stream.cells import Extra
from stream.entries import Ints, renumbered
from stream.figures import EXTRAS, LAYOUT
from stream.figures.returns import Past, sample
from stream.model import STRUCTS, Feed
from stream.operations import Operation
from stream.sessions import Room, Session, Waiting
from stream.sketches import GrowingDistinct
from stream.tally import Tally
from stream.windows import Windows

__all__ = [
    "OPERATION_START",
    "cell_names",
    "pack_operation",
    "pack_past",
    "pack_room",
    "pane_fields",
    "past_fields",
    "places_of",
    "tally_fields",
    "unpack_operation",
    "unpack_room",
    "waiting_field",
]

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder().decode
Fields = dict[str, bytes | str]
PART: Final = "#"
"""Stands between the name of a set of people and the name of a part of it."""
OPERATION_START: Final = 0
"""Stands for the start of a session in the fields of a vendor's operation."""


def pack_room(room: Room, totals: Mapping[Tally, bytes]) -> Fields:
    """Return what changed of a room since the last call, and take it as kept.

    Args:
        room: the room.
        totals: the totals of its sessions that were touched.
    """
    fields: Fields = {"state": _encode(_room_state(room))}
    for session in room.sessions:
        fields |= _tally(session.tally, session.start_ms, totals)
    for feed, offset in room.fresh_waiting:
        waiting = room.waiting[feed, offset]
        fields[waiting_field(feed, offset)] = _encode((waiting.append_ms, waiting.late, waiting.event))
    room.fresh_waiting.clear()
    return fields


def pack_past(past: Mapping[int, Past]) -> Fields:
    """Return what is kept of sessions that are remembered no longer."""
    return {f"v:{start}": _encode([one.ended_ms, one.visitors.pack()]) for start, one in past.items()}


def past_fields(starts: Iterable[int]) -> list[str]:
    """Return the names of the fields of ``pack_past``."""
    return [f"v:{start}" for start in starts]


def pack_operation(operation: Operation, totals: Mapping[Tally, bytes]) -> Fields:
    """Return what changed of a vendor operation since the last call, and take it as kept."""
    fields: Fields = {"state": _encode({"newest_ms": operation.newest_ms})}
    return fields | _tally(operation.tally, OPERATION_START, totals)


def waiting_field(feed: Feed, offset: int) -> str:
    """Return the field of a provisional event."""
    return f"w:{feed}:{offset}"


def tally_fields(tally: Tally, start_ms: int) -> list[str]:
    """Return the fields that a session may have in its room's hash."""
    return [
        f"t:{start_ms}",
        *(f"r:{start_ms}:{name}" for name in tally.registers),
        *(field for name, extra in tally.extras.items() for field in _extra_fields(extra, start_ms, name)),
        *pane_fields(start_ms, {*tally.fine, *tally.fine_extras}, {*tally.coarse, *tally.coarse_extras}),
    ]


def _extra_fields(extra: Any, start_ms: int, name: str) -> list[str]:
    if not isinstance(extra, GrowingDistinct):
        return [f"e:{start_ms}:{name}"]
    parts = ("", *map(str, range(GrowingDistinct.PIECES)))
    return [f"e:{start_ms}:{name}{PART}{part}" for part in parts]


def pane_fields(start_ms: int, fine: set[int], coarse: set[int]) -> list[str]:
    """Return the fields that panes of a session may have in its room's hash."""
    return [
        *(f"{kind}:{start_ms}:{number}" for number in sorted(fine) for kind in "fF"),
        *(f"{kind}:{start_ms}:{number}" for number in sorted(coarse) for kind in "cC"),
    ]


def _room_state(room: Room) -> dict[str, Any]:
    return {
        "named": room.was_named,
        "planned": room.planned,
        "paused": room.paused,
        "state_at_ms": room.state_at_ms,
        "facts": room.facts,
        "on_air": room.on_air,
        "newest_ms": room.newest_ms,
        "off_air": room.off_air,
        "sessions": [
            [s.start_ms, s.opened, s.live_ms, s.named, s.end_ms, s.ended, s.reason] for s in room.sessions
        ],
    }


def _tally(tally: Tally, start_ms: int, totals: Mapping[Tally, bytes]) -> Fields:
    fields: Fields = {}
    if tally.touched:
        tally.touched = False
        fields[f"t:{start_ms}"] = totals[tally]
    for name in tally.changed_registers:
        fields[f"r:{start_ms}:{name}"] = _encode(tally.registers[name])
    for name, extra in tally.extras.items():
        if isinstance(extra, GrowingDistinct):
            if extra.changed:
                for part, raw in extra.pack_changes().items():
                    fields[f"e:{start_ms}:{name}{PART}{part}"] = raw
        elif extra.changed:
            extra.changed = False
            fields[f"e:{start_ms}:{name}"] = _encode(extra.pack())
    _panes(fields, f"f:{start_ms}", tally.changed_fine, tally.fine, tally.fine_extras)
    _panes(fields, f"c:{start_ms}", tally.changed_coarse, tally.coarse, tally.coarse_extras)
    tally.changed_registers.clear()
    return fields


def _panes(
    fields: Fields,
    name: str,
    changed: set[int],
    panes: Mapping[int, bytes],
    extras: Mapping[int, dict[str, Any]],
) -> None:
    for number in changed:
        pane, more = panes.get(number), extras.get(number)
        if pane:
            fields[f"{name}:{number}"] = pane
        if more is not None:
            packed = {extra: kept.pack() for extra, kept in more.items()}
            fields[f"{name.upper()}:{number}"] = _encode(packed)
    changed.clear()


def places_of(names: str) -> Ints | None:
    """Return where the cells lie now that lay in this order; None when they lie there still.

    Args:
        names: names of cells, as ``cell_names`` gave them.
    """
    if names == cell_names():
        return None
    return np.array([LAYOUT.index.get(name, -1) for name in names.split()], np.int64)


def cell_names() -> str:
    """Return the names of the cells in their order."""
    return " ".join(LAYOUT.names)


def unpack_room(
    room_id: str, fields: dict[bytes, bytes], windows: Windows, places: Ints | None = None
) -> Room:
    """Return the room that a hash holds.

    Args:
        room_id: the room.
        fields: the hash.
        windows: where its sessions get their rows.
        places: from ``places_of``; if given, all panes and totals count as changed.
    """
    room, state = Room(room_id), _decode(fields[b"state"])
    room.was_named, room.planned, room.paused = state["named"], state["planned"], state["paused"]
    room.state_at_ms, room.facts, room.on_air = state["state_at_ms"], state["facts"], state["on_air"]
    room.newest_ms, room.off_air = state["newest_ms"], state["off_air"]
    for start_ms, opened, live_ms, named, end_ms, ended, reason in state["sessions"]:
        session = Session(start_ms, opened, live_ms, named, end_ms, ended, reason)
        room.sessions.append(session)
        room.current = None if session.reason else session
    tallies = {session.start_ms: session.tally for session in room.sessions}
    _unpack_tallies(tallies, fields, windows, places)
    for name, raw in fields.items():
        if name.startswith(b"w:"):
            _, feed, offset = name.decode().split(":")
            append_ms, late, event = _waiting_decoder(feed).decode(raw)
            room.waiting[feed, int(offset)] = Waiting(append_ms, late, event)  # type: ignore[index]  # a feed
        elif name.startswith(b"v:"):
            ended_ms, packed = _decode(raw)
            visitors = sample()
            visitors.unpack(packed)
            room.past[int(name[2:])] = Past(ended_ms, visitors)
    ordered = sorted(room.waiting.items(), key=lambda item: (item[1].append_ms, item[0][1]))
    room.waiting = dict(ordered)
    return room


def unpack_operation(
    name: str, fields: dict[bytes, bytes], windows: Windows, places: Ints | None = None
) -> Operation:
    """Return the vendor operation that a hash holds, see ``unpack_room``."""
    vendor, _, operation = name.partition("/")
    found = Operation(vendor, operation)
    found.newest_ms = _decode(fields[b"state"])["newest_ms"]
    _unpack_tallies({OPERATION_START: found.tally}, fields, windows, places)
    return found


def _unpack_tallies(
    tallies: Mapping[int, Tally], fields: dict[bytes, bytes], windows: Windows, places: Ints | None
) -> None:
    """Take in what sessions came to.

    A field whose session is not there is left alone: what a newer version keeps does not stop an older one.
    """
    by_start = {str(start_ms).encode(): tally for start_ms, tally in tallies.items()}
    for field, raw in fields.items():
        unpack = _KINDS.get(field[:2])
        if unpack is not None:
            start, _, name = field[2:].partition(b":")
            tally = by_start.get(start)
            if tally is not None:
                unpack(tally, name, raw)
    for start_ms, tally in tallies.items():
        totals = fields.get(f"t:{start_ms}".encode(), b"")
        if places is not None:
            totals = renumbered(totals, places)
            _renumber_panes(tally, places)
        windows.adopt(tally, totals)
        tally.touched = places is not None


def _renumber_panes(tally: Tally, places: Ints) -> None:
    tally.fine = {number: renumbered(raw, places) for number, raw in tally.fine.items()}
    tally.coarse = {number: renumbered(raw, places) for number, raw in tally.coarse.items()}
    tally.changed_fine.update(tally.fine)
    tally.changed_coarse.update(tally.coarse)


def _unpack_register(tally: Tally, name: bytes, raw: bytes) -> None:
    tally.registers[name.decode()] = _decode(raw)


def _unpack_extra(tally: Tally, name_and_part: bytes, raw: bytes) -> None:
    name, is_part, part = name_and_part.decode().partition(PART)
    extra = EXTRAS_INTO.get(name)
    if extra is None or extra.session is None:
        return
    kept = tally.extras.setdefault(name, extra.session())
    if is_part:
        kept.unpack_part(part, raw)
    else:
        kept.unpack(_decode(raw))
    kept.changed = False


def _unpack_fine(tally: Tally, number: bytes, raw: bytes) -> None:
    tally.fine[int(number)] = raw


def _unpack_coarse(tally: Tally, number: bytes, raw: bytes) -> None:
    tally.coarse[int(number)] = raw


def _unpack_fine_extras(tally: Tally, number: bytes, raw: bytes) -> None:
    tally.fine_extras[int(number)] = _pane_extras(raw)


def _unpack_coarse_extras(tally: Tally, number: bytes, raw: bytes) -> None:
    tally.coarse_extras[int(number)] = _pane_extras(raw)


def _pane_extras(raw: bytes) -> dict[str, Any]:
    kept = {}
    for name, packed in _decode(raw).items():
        extra = EXTRAS.get(name)
        if extra is not None and extra.pane is not None:
            kept[name] = extra.pane()
            kept[name].unpack(packed)
    return kept


_KINDS: Final[dict[bytes, Callable[[Tally, bytes, bytes], None]]] = {
    b"r:": _unpack_register,
    b"e:": _unpack_extra,
    b"f:": _unpack_fine,
    b"c:": _unpack_coarse,
    b"F:": _unpack_fine_extras,
    b"C:": _unpack_coarse_extras,
}
EXTRAS_INTO: Final[dict[str, Extra]] = {extra.into or name: extra for name, extra in EXTRAS.items()}
"""Name of what a session keeps -> an extra that merges into it."""


@cache
def _waiting_decoder(feed: Feed) -> msgspec.msgpack.Decoder[Any]:
    kind: Any = tuple.__class_getitem__((int, bool, STRUCTS[feed]))
    return msgspec.msgpack.Decoder(kind)
