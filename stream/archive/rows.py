"""From records of ``live.windows`` to the rows of a file, and the physical columns of a figure. Pure.

Every field of a record is kept. A figure has up to three physical columns, by the type that it came with:
``NAME`` for numbers with a fraction, ``NAME#int`` for whole ones, ``NAME#json`` for anything else (an open
label's object); so what is read is exactly what was written, and a column that nobody filled is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, Final

import orjson
import pyarrow as pa

from stream.archive.columns import Names
from stream.model import FEEDS

__all__ = [
    "AS_INT",
    "AS_JSON",
    "EXTRA",
    "NEWEST",
    "REACH",
    "ROOM",
    "TEXTS",
    "TICK",
    "VENDOR",
    "Rows",
    "of_feed",
]

TICK: Final = "tick"
ROOM: Final = "room"
VENDOR: Final = "vendor"
AS_INT: Final = "#int"
AS_JSON: Final = "#json"
NEWEST: Final = "newest_ms"
"""Of a vendor; of a room there is one for each feed, as of ``REACH``: see ``of_feed``."""
REACH: Final = "reach_ms"
EXTRA: Final = "extra"
"""Fields that this program does not know, a JSON object."""
TEXTS: Final = ("kind", "subject", "state", "facts", "hits", "ended_reason", EXTRA)
"""Columns of text; they repeat a great deal."""

_TICK_NUMBERS: Final = ("v", "epoch", "seq", "tick_ms", "columns", "records_1m", "dead_1m")
_TICK_KNOWN: Final = frozenset((*_TICK_NUMBERS, REACH, "last", "partition", "rooms", "vendors"))
_ROOM_KNOWN: Final = frozenset(
    ("room_id", "session_ms", "state", "facts", "values", NEWEST, "hits", "ended_reason")
)
_VENDOR_KNOWN: Final = frozenset(("vendor", "operation", "values", NEWEST))
_INT64_MAX: Final = 2**63 - 1

Fields = dict[str, pa.Array]
Entry = dict[str, Any]
_Row = tuple[tuple[int, int], Entry, Names]
"""Offset and tick of its record, the entry, the names of its figures."""


class Rows:
    """Rows on their way into a file: one for each record, and one for each entry in it."""

    def __init__(self) -> None:
        self._ticks: list[tuple[int, int, Entry]] = []
        self._rooms: list[_Row] = []
        self._vendors: list[_Row] = []

    def __len__(self) -> int:
        return len(self._ticks) + len(self._rooms) + len(self._vendors)

    def add(self, offset: int, append_ms: int, record: Entry, names: Names) -> None:
        """Add a record.

        Args:
            offset: of the record in its partition.
            append_ms: its append time, epoch milliseconds.
            record: the record, of the form of docs/records.md.
            names: of its columns.
        """
        self._ticks.append((offset, append_ms, record))
        place = (offset, record["tick_ms"])
        self._rooms += [(place, entry, names) for entry in record["rooms"]]
        self._vendors += [(place, entry, names) for entry in record.get("vendors", ())]

    def take(self) -> list[pa.Table]:
        """Return the rows, those of a kind in one table or more, and begin anew."""
        tables = [_ticks(self._ticks)] if self._ticks else []
        tables += [_rooms(rows, names.room) for rows, names in _alike(self._rooms)]
        tables += [_vendors(rows, names.vendor) for rows, names in _alike(self._vendors)]
        self._ticks, self._rooms, self._vendors = [], [], []
        return tables


def of_feed(name: str, feed: str) -> str:
    """Return the column of a feed's instants: ``NEWEST`` or ``REACH``."""
    return f'{name}{{feed="{feed}"}}'


def _alike(rows: list[_Row]) -> Iterator[tuple[list[_Row], Names]]:
    """Yield the rows with the same names together."""
    for names in dict.fromkeys(names for _, _, names in rows):
        yield [row for row in rows if row[2] is names or row[2] == names], names


def _ticks(rows: list[tuple[int, int, Entry]]) -> pa.Table:
    records = [record for _, _, record in rows]
    fields: Fields = {
        "append_ms": _numbers([append_ms for _, append_ms, _ in rows]),
        "last": pa.array([record["last"] for record in records], pa.bool_()),
    }
    fields |= {name: _numbers([record.get(name) for record in records]) for name in _TICK_NUMBERS}
    fields |= _by_feed(REACH, [record[REACH] for record in records])
    return _table(TICK, [offset for offset, _, _ in rows], fields, records, _TICK_KNOWN)


def _rooms(rows: list[_Row], names: Sequence[str]) -> pa.Table:
    entries = [entry for _, entry, _ in rows]
    fields: Fields = {
        "tick_ms": _numbers([tick_ms for (_, tick_ms), _, _ in rows]),
        "subject": _texts([entry["room_id"] for entry in entries]),
        "session_ms": _numbers([entry["session_ms"] for entry in entries]),
        "state": _texts([entry["state"] for entry in entries]),
        "facts": _texts([_json(entry.get("facts")) for entry in entries]),
        "hits": _texts([_json(entry.get("hits") or None) for entry in entries]),
        "ended_reason": _texts([entry.get("ended_reason") for entry in entries]),
    }
    fields |= _by_feed(NEWEST, [entry[NEWEST] for entry in entries])
    fields |= _figures(entries, names)
    return _table(ROOM, [offset for (offset, _), _, _ in rows], fields, entries, _ROOM_KNOWN)


def _vendors(rows: list[_Row], names: Sequence[str]) -> pa.Table:
    entries = [entry for _, entry, _ in rows]
    fields: Fields = {
        "tick_ms": _numbers([tick_ms for (_, tick_ms), _, _ in rows]),
        "subject": _texts([f"{entry['vendor']}/{entry['operation']}" for entry in entries]),
        NEWEST: _numbers([entry[NEWEST] for entry in entries]),
    }
    fields |= _figures(entries, names)
    return _table(VENDOR, [offset for (offset, _), _, _ in rows], fields, entries, _VENDOR_KNOWN)


def _table(
    kind: str, offsets: list[int], fields: Fields, entries: list[Entry], known: frozenset[str]
) -> pa.Table:
    extra = [{name: entry[name] for name in entry.keys() - known} for entry in entries]
    size = len(offsets)
    asked: Fields = {"subject": pa.nulls(size, pa.string()), "session_ms": pa.nulls(size, pa.int64())}
    whole: Fields = {"kind": _texts([kind] * size), "offset": _numbers(offsets), **asked, **fields}
    whole[EXTRA] = _texts([_json(more or None) for more in extra])
    return pa.table(whole)


def _by_feed(name: str, instants: list[Mapping[str, int]]) -> Fields:
    feeds = dict.fromkeys(feed for each in instants for feed in each)
    order = [feed for feed in FEEDS if feed in feeds] + sorted(feeds.keys() - set(FEEDS))
    return {of_feed(name, feed): _numbers([each.get(feed) for each in instants]) for feed in order}


def _figures(entries: list[Entry], names: Sequence[str]) -> Fields:
    columns = zip(names, zip(*(entry["values"] for entry in entries), strict=True), strict=True)
    return {name: array for figure, values in columns for name, array in _figure(figure, values)}


def _figure(name: str, values: tuple[Any, ...]) -> Iterator[tuple[str, pa.Array]]:
    """Yield the physical columns of a figure; none where all of it is no data."""
    types = set(map(type, values)) - {NoneType}
    if types == {float}:
        yield name, pa.array(values, pa.float64())
    elif types == {int} and max(abs(value) for value in values if value is not None) <= _INT64_MAX:
        yield name + AS_INT, _numbers(values)
    elif types:
        ways = [_way(value) for value in values]
        for suffix, form in (("", pa.float64()), (AS_INT, pa.int64()), (AS_JSON, pa.string())):
            if suffix in ways:
                chosen = [
                    (_json(value) if suffix == AS_JSON else value) if way == suffix else None
                    for value, way in zip(values, ways, strict=True)
                ]
                yield name + suffix, pa.array(chosen, form)


def _way(value: Any) -> str | None:
    if value is None:
        return None
    if type(value) is float:
        return ""
    return AS_INT if type(value) is int and abs(value) <= _INT64_MAX else AS_JSON


def _numbers(values: Sequence[int | None]) -> pa.Array:
    return pa.array(values, pa.int64())


def _texts(values: Sequence[str | None]) -> pa.Array:
    return pa.array(values, pa.string())


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
