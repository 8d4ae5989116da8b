"""One page of metrics out of what the store held at one moment; pure.

Families come in the order of the catalogue, each once and whole. The page is made piece by piece, one
column of all rooms at a time, so that it can be sent while it is written and never stands in memory as a
whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from alerts.model import KINDS, SEVERITIES
from alerts.tally import Tally
from exporters.selection import REST, Selected
from exporters.table import Table, holds_object, table
from exporters.text import Format, escape, header, histogram, labels, lines
from stream.catalogue import METRICS, ROOM_COLUMNS, VENDOR_COLUMNS, Column, Metric
from stream.store.values import RoomFigures, VendorFigures

__all__ = ["ALERT_STATES", "Snapshot", "pieces"]

ALERT_STATES: Final = {"firing": 2, "acknowledged": 3, "escalated": 4, "suppressed": 5}
"""Value of ``live_alert_state`` for an open episode."""
_PENDING: Final = 1
"""Its value for a rule that is breached, and not yet long enough to tell; 0 is ok."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one page shows.

    Attributes:
        rooms: rooms with series of their own, and the sums of the others.
        vendors: every vendor operation.
        alerts: the newest record of every open episode.
        pending: rule and room of every rule that is breached, and not yet long enough to tell.
        rules: names of the rules that watch rooms; each has a state on each room.
        now_ms: when the store was read, epoch milliseconds; ages end here.
        leads: whether this exporter, of several, shows what belongs to no partition.
        faults: room -> how much of its session's live time it was at fault.
    """

    rooms: Selected
    vendors: Sequence[VendorFigures]
    alerts: Sequence[dict[str, Any]]
    pending: Collection[tuple[str, str]]
    rules: Sequence[str]
    now_ms: int
    leads: bool = True
    faults: Mapping[str, Tally] = field(default_factory=dict)


def pieces(snapshot: Snapshot, form: Format) -> Iterator[bytes]:
    """Yield the page without the exporter's own metrics; no piece holds more than one column."""
    rooms, vendors = _room_table(snapshot.rooms), _vendor_table(snapshot.vendors)
    for metric in METRICS:
        if not metric.exported:
            continue
        yield header(metric, form).encode()
        if metric.derived:
            yield from _DERIVED[metric.name](metric, snapshot)
        elif metric.scope == "room":
            yield from _columns(metric, ROOM_COLUMNS, rooms)
        else:
            yield from _columns(metric, VENDOR_COLUMNS, vendors)


def _room_table(chosen: Selected) -> Table:
    ids = [room.room_id for room in chosen.rooms]
    rows = [room.values for room in chosen.rooms]
    if chosen.rest is not None:
        ids, rows = [*ids, REST], [*rows, chosen.rest]
    return table(ROOM_COLUMNS, rows, opening='room_id="', keys=ids, closing='"')


def _vendor_table(vendors: Sequence[VendorFigures]) -> Table:
    readable = [vendor for vendor in vendors if len(vendor.values) == len(VENDOR_COLUMNS)]
    keys = [labels({"vendor": vendor.vendor, "operation": vendor.operation}) for vendor in readable]
    rows = [vendor.values for vendor in readable]
    return table(VENDOR_COLUMNS, rows, opening="", keys=keys, closing="")


def _columns(metric: Metric, columns: Sequence[Column], figures: Table) -> Iterator[bytes]:
    """Yield the lines of a metric's columns."""
    before = f"{metric.name}{{{figures.opening}"
    for place, column in enumerate(columns):
        if column.metric is not metric:
            continue
        if metric.type == "histogram":
            yield _histogram_lines(metric, figures, figures.objects[place])
        elif holds_object(column):
            yield _open_lines(column, figures, figures.objects[place])
        else:
            yield lines(before, figures.keys, f"{figures.closing}{_more(column)}}} ", figures.numbers[place])


def _more(column: Column) -> str:
    """Return a column's own labels, each after a comma."""
    label = "" if column.label_value is None else f',{column.metric.label}="{escape(column.label_value)}"'
    return label if column.window is None else f'{label},window="{column.window}"'


def _open_lines(column: Column, figures: Table, values: Sequence[Mapping[str, float] | None]) -> bytes:
    before, after = f"{column.metric.name}{{{figures.opening}", f'"{_more(column)}}} '
    middle = f'{figures.closing},{column.metric.label}="'
    return "".join(
        [
            f"{before}{key}{middle}{escape(label)}{after}{amount}\n"
            for key, found in zip(figures.keys, values, strict=True)
            if found
            for label, amount in found.items()
        ]
    ).encode()


def _histogram_lines(metric: Metric, figures: Table, values: Sequence[Mapping[str, float] | None]) -> bytes:
    """Return the histogram of each key; a figure holds bound -> events, and ``sum``."""
    opening, closing = figures.opening, figures.closing
    return b"".join(
        [
            histogram(metric.name, f"{opening}{key}{closing}", found)
            for key, found in zip(figures.keys, values, strict=True)
            if found
        ]
    )


def _feed_age(metric: Metric, snapshot: Snapshot) -> Iterator[bytes]:
    rooms, now_ms = snapshot.rooms.rooms, snapshot.now_ms
    ids = [room.room_id for room in rooms]
    for feed in metric.label_values:
        ages = [_age(now_ms, room.newest_ms.get(feed)) for room in rooms]
        yield lines(f'{metric.name}{{room_id="', ids, f'",{metric.label}="{feed}"}} ', ages)


def _age(now_ms: int, newest_ms: int | None) -> float | None:
    """Return seconds since then, 0 for a broker's clock that is ahead of ours."""
    return None if newest_ms is None else max(0, now_ms - newest_ms) / 1000


def _fault(metric: Metric, snapshot: Snapshot) -> Iterator[bytes]:
    """Tell the share of each room's own session, not of one before it."""
    rooms, faults = snapshot.rooms.rooms, snapshot.faults
    tallies = [faults.get(room.room_id) for room in rooms]
    found = [
        tally.ratio if tally is not None and tally.session_ms == room.session_ms else None
        for room, tally in zip(rooms, tallies, strict=True)
    ]
    ids = [room.room_id for room in rooms]
    yield lines(f'{metric.name}{{room_id="', ids, f'",window="{metric.windows[0]}"}} ', found)


def _room_info(metric: Metric, snapshot: Snapshot) -> Iterator[bytes]:
    names = (str(metric.label), *metric.more_labels)
    yield "".join(
        f'{metric.name}{{room_id="{room.room_id}",{_facts(room, names)}}} 1\n'
        for room in snapshot.rooms.rooms
    ).encode()


def _facts(room: RoomFigures, names: Sequence[str]) -> str:
    return labels({name: str(room.facts.get(name) or "") for name in names})


def _item_on_air(metric: Metric, snapshot: Snapshot) -> Iterator[bytes]:
    shown = ((room.room_id, _item(room)) for room in snapshot.rooms.rooms)
    yield "".join(
        f'{metric.name}{{room_id="{room_id}",{labels({str(metric.label): item})}}} 1\n'
        for room_id, item in shown
        if item
    ).encode()


def _item(room: RoomFigures) -> str:
    return str(room.facts.get("item_title") or room.facts.get("item_id") or "")


def _next_start(metric: Metric, snapshot: Snapshot) -> Iterator[bytes]:
    yield "".join(
        f"{metric.name}{{{labels({'room_id': room.room_id, str(metric.label): _title(room)})}}}"
        f" {room.facts['starts_at_ms'] / 1000}\n"
        for room in snapshot.rooms.planned
    ).encode()


def _title(room: RoomFigures) -> str:
    return str(room.facts.get("title") or room.room_id)


def _rooms_not_exported(metric: Metric, snapshot: Snapshot) -> Iterator[bytes]:
    yield f"{metric.name} {snapshot.rooms.not_exported}\n".encode()


def _alerts(metric: Metric, snapshot: Snapshot) -> Iterator[bytes]:
    """Count open episodes; a severity and kind without one is 0, so that a panel shows it."""
    if not snapshot.leads:
        return
    found = Counter((alert["severity"], alert["kind"]) for alert in snapshot.alerts)
    for severity in SEVERITIES:
        for kind in KINDS:
            named = labels({"severity": severity, "kind": kind})
            yield f"{metric.name}{{{named}}} {found[severity, kind]}\n".encode()


def _alert_state(metric: Metric, snapshot: Snapshot) -> Iterator[bytes]:
    """Tell the state of each rule on each room that is shown, rule by rule."""
    states = dict.fromkeys(snapshot.pending, _PENDING)
    for alert in snapshot.alerts:
        if alert["room_id"] and alert["state"] in ALERT_STATES:
            states[alert["rule"], alert["room_id"]] = ALERT_STATES[alert["state"]]
    ids = [room.room_id for room in snapshot.rooms.rooms]
    for rule in dict.fromkeys([*snapshot.rules, *(rule for rule, _ in states)]):
        found = [states.get((rule, room_id), 0) for room_id in ids]
        yield lines(f'{metric.name}{{room_id="', ids, f'",{metric.label}="{escape(rule)}"}} ', found)


_DERIVED: Final = {
    "live_feed_age_seconds": _feed_age,
    "live_fault_ratio": _fault,
    "live_room_info": _room_info,
    "live_item_on_air": _item_on_air,
    "live_next_start_timestamp_seconds": _next_start,
    "live_rooms_not_exported": _rooms_not_exported,
    "live_alerts": _alerts,
    "live_alert_state": _alert_state,
}
