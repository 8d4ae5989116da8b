"""How rooms, sessions and vendors look in the store, and back.

A room is one hash. Its fields: ``state`` (what it is doing, its sessions, its facts), ``t:<start>`` (a
session's totals and registers), ``d:<start>:<group>:<set>`` (a session's set of people), ``f:<second>`` and
``c:<number>`` (fine and coarse panes), ``w:<feed>:<offset>`` (a provisional event). ``docs/keys.md`` has
the details.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec

from stream.cells import pack_pane, total_pane, unpack_pane
from stream.figures import GROUPS
from stream.model import STRUCTS, Feed
from stream.partition import Operation
from stream.sessions import Room, Session, Waiting
from stream.sketches import SESSION_PRECISION, Distinct
from stream.windows import COARSE_MS, FINE_MS, Panes

__all__ = [
    "pack_operation",
    "pack_room",
    "session_fields",
    "unpack_operation",
    "unpack_room",
    "waiting_field",
]

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder().decode
Fields = dict[str, bytes | str]


def pack_room(room: Room) -> Fields:
    """Return what changed of a room since the last call, and take it as kept."""
    fields: Fields = {"state": _encode(_room_state(room))}
    for session in room.sessions:
        fields |= _session(session)
    fields |= _panes(room.panes, room.seconds)
    for feed, offset in room.fresh_waiting:
        waiting = room.waiting[feed, offset]
        fields[waiting_field(feed, offset)] = _encode((waiting.append_ms, waiting.late, waiting.event))
    room.seconds = set()
    room.fresh_waiting.clear()
    return fields


def pack_operation(operation: Operation) -> Fields:
    """Return what changed of a vendor operation since the last call, and take it as kept."""
    fields: Fields = {"state": _encode({"newest_ms": operation.newest_ms})}
    fields |= _session(operation.session)
    fields |= _panes(operation.panes, operation.seconds)
    operation.seconds = set()
    return fields


def waiting_field(feed: Feed, offset: int) -> str:
    """Return the field of a provisional event."""
    return f"w:{feed}:{offset}"


def session_fields(session: Session) -> list[str]:
    """Return the fields that a session may have in its room's hash."""
    start = session.start_ms
    sets = [f"d:{start}:{group.name}:{name}" for group in GROUPS.values() for name in group.people]
    return [f"t:{start}", *sets]


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


def _session(session: Session) -> Fields:
    fields: Fields = {}
    if not session.touched:
        return fields
    session.touched = False
    rows = {name: total.row for name, total in session.totals.items()}
    fields[f"t:{session.start_ms}"] = _encode([rows, session.registers])
    for name, total in session.totals.items():
        for set_name, people in zip(GROUPS[name].people, total.people, strict=True):
            if people.changed:
                people.changed = False
                fields[f"d:{session.start_ms}:{name}:{set_name}"] = people.pack()
    return fields


def _panes(panes: dict[str, Panes], seconds: set[int]) -> Fields:
    fields: Fields = {}
    for second in seconds:
        if found := {name: pack_pane(p.fine[second]) for name, p in panes.items() if second in p.fine}:
            fields[f"f:{second}"] = _encode(found)
    for number in {second * FINE_MS // COARSE_MS for second in seconds}:
        if found := {name: pack_pane(p.coarse[number]) for name, p in panes.items() if number in p.coarse}:
            fields[f"c:{number}"] = _encode(found)
    return fields


def unpack_room(room_id: str, fields: dict[bytes, bytes]) -> Room:
    """Return the room that a hash holds."""
    room, state = Room(room_id), _decode(fields[b"state"])
    room.was_named, room.planned, room.paused = state["named"], state["planned"], state["paused"]
    room.state_at_ms, room.facts, room.on_air = state["state_at_ms"], state["facts"], state["on_air"]
    room.newest_ms, room.off_air = state["newest_ms"], state["off_air"]
    for start_ms, opened, live_ms, named, end_ms, ended, reason in state["sessions"]:
        session = Session(start_ms, opened, room.panes, live_ms, named, end_ms, ended, reason)
        _unpack_totals(session, fields)
        room.sessions.append(session)
        room.current = None if session.reason else session
    _unpack_panes(room.panes, fields)
    for name, raw in fields.items():
        if name.startswith(b"w:"):
            _, feed, offset = name.decode().split(":")
            append_ms, late, event = _waiting_decoder(feed).decode(raw)
            room.waiting[feed, int(offset)] = Waiting(append_ms, late, event)  # type: ignore[index]  # a feed
    ordered = sorted(room.waiting.items(), key=lambda item: (item[1].append_ms, item[0][1]))
    room.waiting = dict(ordered)
    return room


def unpack_operation(name: str, fields: dict[bytes, bytes]) -> Operation:
    """Return the vendor operation that a hash holds."""
    vendor, _, operation = name.partition("/")
    found = Operation(vendor, operation)
    found.newest_ms = _decode(fields[b"state"])["newest_ms"]
    _unpack_totals(found.session, fields)
    _unpack_panes(found.panes, fields)
    return found


def _unpack_totals(session: Session, fields: dict[bytes, bytes]) -> None:
    session.touched = False
    raw = fields.get(f"t:{session.start_ms}".encode())
    if raw is None:
        return
    rows, registers = _decode(raw)
    session.registers.update(registers)
    for name, row in rows.items():
        group = GROUPS[name]
        total = session.totals[name] = total_pane(group)
        total.row[: len(row)] = row
        for at, set_name in enumerate(group.people):
            packed = fields.get(f"d:{session.start_ms}:{name}:{set_name}".encode())
            if packed is not None:
                total.people[at] = Distinct.unpack(packed, SESSION_PRECISION)


def _unpack_panes(panes: dict[str, Panes], fields: dict[bytes, bytes]) -> None:
    for field, raw in fields.items():
        kind, _, number = field.partition(b":")
        if kind not in {b"f", b"c"}:
            continue
        for name, packed in _decode(raw).items():
            group = GROUPS[name]
            kept = panes.setdefault(name, Panes(group))
            coarse = kind == b"c"
            (kept.coarse if coarse else kept.fine)[int(number)] = unpack_pane(group, packed, coarse=coarse)


@cache
def _waiting_decoder(feed: Feed) -> msgspec.msgpack.Decoder[Any]:
    kind: Any = tuple.__class_getitem__((int, bool, STRUCTS[feed]))
    return msgspec.msgpack.Decoder(kind)
