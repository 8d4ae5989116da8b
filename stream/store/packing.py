"""How rooms, sessions and vendors look in the store, and back.

A room is one hash. Its fields: ``state`` (what it is doing, its sessions, its facts), ``w:<feed>:<offset>``
(a provisional event) and, of each session, with its start: ``t:<start>`` (totals), ``r:<start>:<name>`` (a
register), ``e:<start>:<name>`` (what it keeps besides), ``p:<start>:<number>`` and ``P:<start>:<number>``
(the fine panes of ten seconds, the coarse panes of a minute, with what they keep besides). ``docs/keys.md``
has the details.

Earlier versions kept each pane in a field of its own, ``f:`` and ``c:``, and what it keeps besides in ``F:``
and ``C:``. Such a room or operation is read, and written anew with the first flush, which removes those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

import msgspec

from stream.figures import LAYOUT
from stream.figures.items import new_items
from stream.figures.returns import Past, sample
from stream.model import STRUCTS, Feed
from stream.native import GrowingDistinct
from stream.operations import Operation
from stream.sessions import Room, Session, Waiting
from stream.tally import Tally

__all__ = [
    "OPERATION_START",
    "cell_names",
    "former_fields",
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
Places = list[int]
"""Old place of a cell -> its place now, -1 for one that is not counted any more."""
PART: Final = "#"
"""Stands between the name of a set of people and the name of a part of it."""
OPERATION_START: Final = 0
"""Stands for the start of a session in the fields of a vendor's operation."""


def pack_room(room: Room) -> Fields:
    """Return what changed of a room since the last call, and take it as kept."""
    fields: Fields = {"state": _encode(_room_state(room))}
    for session in room.sessions:
        fields |= _tally(session.tally, session.start_ms)
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


def pack_operation(operation: Operation) -> Fields:
    """Return what changed of a vendor operation since the last call, and take it as kept."""
    fields: Fields = {"state": _encode({"newest_ms": operation.newest_ms})}
    return fields | _tally(operation.tally, OPERATION_START)


def waiting_field(feed: Feed, offset: int) -> str:
    """Return the field of a provisional event."""
    return f"w:{feed}:{offset}"


def tally_fields(tally: Tally, start_ms: int) -> list[str]:
    """Return the fields that a session may have in its room's hash."""
    sets, samples = tally.parts()
    parts = ("", *map(str, range(GrowingDistinct.PIECES)))
    return [
        f"t:{start_ms}",
        *(f"r:{start_ms}:{name}" for name in tally.registers),
        *(f"e:{start_ms}:{name}" for name in (*samples, *tally.items)),
        *(f"e:{start_ms}:{name}{PART}{part}" for name in sets for part in parts),
        *pane_fields(start_ms, tally.fields(False), tally.fields(True)),
        *tally.former,
    ]


def pane_fields(start_ms: int, fine: Iterable[int], coarse: Iterable[int]) -> list[str]:
    """Return the names of fields of panes of a session, given their numbers."""
    return [
        *(f"p:{start_ms}:{number}" for number in fine),
        *(f"P:{start_ms}:{number}" for number in coarse),
    ]


def former_fields(tallies: Iterable[Tally]) -> list[str]:
    """Return the fields from which earlier versions' panes were read, and take them as removed."""
    found = []
    for tally in tallies:
        if tally.former:
            found += tally.former
            tally.former = []
    return found


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


def _tally(tally: Tally, start_ms: int) -> Fields:
    fields: Fields = dict(tally.pack(str(start_ms)))
    for name in tally.changed_registers:
        fields[f"r:{start_ms}:{name}"] = _encode(tally.registers[name])
    tally.changed_registers.clear()
    for name, items in tally.items.items():
        if items.changed:
            items.changed = False
            fields[f"e:{start_ms}:{name}"] = _encode(items.pack())
    return fields


def places_of(names: str) -> Places | None:
    """Return where the cells lie now that lay in this order; None when they lie there still.

    Args:
        names: names of cells, as ``cell_names`` gave them.
    """
    if names == cell_names():
        return None
    return [LAYOUT.index.get(name, -1) for name in names.split()]


def cell_names() -> str:
    """Return the names of the cells in their order."""
    return " ".join(LAYOUT.names)


def unpack_room(room_id: str, fields: dict[bytes, bytes], places: Places | None = None) -> Room:
    """Return the room that a hash holds.

    Args:
        room_id: the room.
        fields: the hash.
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
    _unpack_tallies(tallies, fields, places)
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


def unpack_operation(name: str, fields: dict[bytes, bytes], places: Places | None = None) -> Operation:
    """Return the vendor operation that a hash holds, see ``unpack_room``."""
    vendor, _, operation = name.partition("/")
    found = Operation(vendor, operation)
    found.newest_ms = _decode(fields[b"state"])["newest_ms"]
    _unpack_tallies({OPERATION_START: found.tally}, fields, places)
    return found


def _unpack_tallies(tallies: Mapping[int, Tally], fields: dict[bytes, bytes], places: Places | None) -> None:
    """Take in what sessions came to.

    A field whose session is not there is left alone: what a newer version keeps does not stop an older one.
    """
    by_start = {str(start_ms).encode(): tally for start_ms, tally in tallies.items()}
    for tally in tallies.values():
        tally.touched = places is not None
    for field, raw in fields.items():
        kind = field[:2]
        start, _, name = field[2:].partition(b":")
        found = by_start.get(start)
        if found is None:
            continue
        if kind in _PANES:
            found.unpack_together(kind == b"P:", int(name), raw, places)
        elif kind in _FORMER:
            _unpack_former(found, field.decode(), int(name), raw, places)
        elif kind == b"t:":
            found.unpack_totals(raw, places)
        elif kind == b"r:":
            found.registers[name.decode()] = _decode(raw)
        elif kind == b"e:":
            _unpack_extra(found, name.decode(), raw)


def _unpack_former(tally: Tally, field: str, number: int, raw: bytes, places: Places | None) -> None:
    coarse = field[0] in "cC"
    if field[0] in "fc":
        tally.unpack_cells(coarse, number, raw, places)
    else:
        tally.unpack_extras(coarse, number, raw)
    tally.former.append(field)


def _unpack_extra(tally: Tally, name_and_part: str, raw: bytes) -> None:
    name, _, part = name_and_part.partition(PART)
    items = new_items(name)
    if items is None:
        tally.unpack_part(name, part, raw)
    else:
        items.unpack(_decode(raw))
        tally.items[name] = items


_PANES: Final = frozenset((b"p:", b"P:"))
_FORMER: Final = frozenset((b"f:", b"c:", b"F:", b"C:"))


@cache
def _waiting_decoder(feed: Feed) -> msgspec.msgpack.Decoder[Any]:
    kind: Any = tuple.__class_getitem__((int, bool, STRUCTS[feed]))
    return msgspec.msgpack.Decoder(kind)
