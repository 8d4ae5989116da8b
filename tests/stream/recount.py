"""Counts everything again from the raw records: slowly, plainly, and without a line of the code under test.

Each room is replayed alone: its records are put in the order of their turn (append time; 30 ms later for
all but room records) and pass one by one through the rules of the contract, section 1. What comes out is a
dict for each session of the room. Run it as ``python -m tests.stream.recount FILE``, with one JSON object a
line (``feed partition offset append_ms key value``), to see what a log comes to.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from tests.stream.counted import (
    HITS,
    TROUBLED,
    amounts,
    call,
    dwell_bucket,
    is_busy,
    people,
    ping,
    plain,
    stays,
)

MINUTES_10 = 600_000
HOURS_24 = 86_400_000
JUDGED_MS = 50_000
REQUIRED: dict[str, dict[str, Any]] = {
    "danmaku": {"room_id": str, "user_id": str, "at_ms": int, "text": str},
    "likes": {"room_id": str, "user_id": str, "at_ms": int, "count": int},
    "orders": {
        "room_id": str,
        "user_id": str,
        "at_ms": int,
        "order_id": str,
        "status": str,
        "amount_fen": int,
    },
    "visits": {"room_id": str, "user_id": str, "at_ms": int, "action": str},
    "health": {"room_id": str, "at_ms": int, "probe": str, "node": str, "interval_ms": int},
    "vendors": {"vendor": str, "operation": str, "at_ms": int, "latency_ms": (int, float), "outcome": str},
    "rooms": {"room_id": str, "at_ms": int, "state": str},
    "marks": {"room_id": str, "at_ms": int, "mark": str},
    "transcript": {"room_id": str, "at_ms": int, "text": str},
}
RANK = {"rooms": 0, "health": 1}
USED = {"danmaku", "likes", "visits"}
PANES_ONLY = {"writers"}
SAMPLES = {"clickers": "clicked", "payers": "paid"}
SESSION_ONLY = {"followers"}


class Record:
    """A record as it lies in its log."""

    def __init__(self, feed, partition, offset, append_ms, key, value):
        self.feed, self.partition, self.offset = feed, partition, offset
        self.append_ms, self.key, self.value = append_ms, key, value
        self.event = None
        self.late = False

    def __repr__(self):
        return f"{self.feed}/{self.offset}@{self.append_ms} {self.key!r} {self.value!r}"


class Session:
    """What a session comes to."""

    def __init__(self, start_ms, *, named):
        self.start_ms = start_ms
        self.from_ms = start_ms
        self.named = named
        self.end_ms = None
        self.reason = None
        self.sums: Counter[Any] = Counter()
        self.people = defaultdict(set)
        self.sources: dict[str, dict[str, list[int]]] = defaultdict(dict)
        self.balance = None
        self.balance_peak = 0
        self.online = None
        self.online_peak = None
        self.egress_limit = None
        self.words: Counter[str] = Counter()
        self.dwell = [0] * 10
        self.busy: Counter[tuple[int, str]] = Counter()
        self.lines: list[tuple[str, int, str]] = []
        self.clicked = defaultdict(set)
        self.paid = defaultdict(set)
        self.prices: dict[str, Counter[int]] = defaultdict(Counter)

    def from_source(self, name, source, numbers):
        """Add to the amounts of a source; only the first twelve have their own."""
        known = self.sources[name]
        if source not in known and len(set(known) - {"other"}) >= 12:
            source = None
        found = known.setdefault(source or "other", [0] * len(numbers))
        known[source or "other"] = [a + b for a, b in zip(found, numbers, strict=True)]

    def holds(self, at_ms):
        return self.from_ms <= at_ms and (self.end_ms is None or at_ms < self.end_ms)


def reason_of(record, *, future_ms=10_000):  # noqa: PLR0911 - one answer each
    """Return why a record is bad in the ways that the tests make records bad; None for a good one."""
    try:
        event = json.loads(record.value)
    except (TypeError, ValueError):
        return "not_json"
    if not isinstance(event, dict):
        return "not_object"
    for name, kind in REQUIRED[record.feed].items():
        if name not in event:
            return "missing_field"
        if not isinstance(event[name], kind):
            return "bad_type"
    owner = event["vendor" if record.feed == "vendors" else "room_id"]
    if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", owner) or event["at_ms"] < 0:
        return "bad_value"
    if record.key != owner.encode():
        return "bad_key"
    if event["at_ms"] > record.append_ms + future_ms:
        return "future"
    record.event = event
    return None


def recount(records, *, reach_ms=None, lateness_ms=30_000, settle_ms=30):
    """Count the records of one partition.

    Args:
        records: all records of all its feeds.
        reach_ms: append time up to which silence is known; None is the newest record.
        lateness_ms: how far an event may be behind the newest of its feed.
        settle_ms: how long an event waits for room records.

    Returns:
        ``rooms`` (room id -> Room), ``vendors`` ("vendor/operation" -> Operation), ``dead``
        ((feed, offset) -> reason), ``late`` (feed -> number).
    """
    dead, by_room = {}, defaultdict(list)
    late: Counter[str] = Counter()
    vendors: dict[str, Operation] = defaultdict(Operation)
    for feed in REQUIRED:
        highest = 0
        for record in sorted((r for r in records if r.feed == feed), key=lambda r: r.offset):
            reason = reason_of(record)
            if reason:
                dead[feed, record.offset] = reason
                continue
            at_ms = record.event["at_ms"]
            record.late = at_ms < highest - lateness_ms
            late[feed] += record.late
            highest = max(highest, at_ms)
            if feed == "vendors":
                count_vendor(vendors, record)
            else:
                by_room[record.event["room_id"]].append(record)
    if reach_ms is None:
        reach_ms = max((r.append_ms for r in records), default=0)
    rooms = {room_id: Room(room_id, settle_ms) for room_id in by_room}
    for room_id, found in by_room.items():
        rooms[room_id].replay(found, reach_ms)
    return {"rooms": rooms, "vendors": vendors, "dead": dead, "late": late}


def count_vendor(vendors, record):
    event = record.event
    operation = vendors[f"{event['vendor']}/{event['operation']}"]
    operation.sums.update(call(event))
    if not record.late:
        operation.panes[event["at_ms"] // 1_000].update(call(event))
        operation.latencies[event["at_ms"] // 1_000].append(event["latency_ms"])


class Operation:
    """What an operation of a vendor comes to."""

    def __init__(self):
        self.sums: Counter[str] = Counter()
        self.panes: dict[int, Counter[str]] = defaultdict(Counter)
        self.latencies: dict[int, list[float]] = defaultdict(list)


class Room:
    """One room, replayed."""

    def __init__(self, room_id, settle_ms):
        self.room_id = room_id
        self.settle_ms = settle_ms
        self.sessions = []
        self.panes = defaultdict(Counter)
        self.pane_people = defaultdict(set)
        self.complainers = defaultdict(set)
        self.pane_pings: dict[int, Counter[Any]] = defaultdict(Counter)
        self.was_named = False
        self.paused = False
        self.state_at_ms = 0
        self.waiting = []
        self.off_air: Counter[str] = Counter()
        self.duplicates = 0
        self.statuses = {}
        self.own = {}

    def replay(self, records, reach_ms):
        """Pass the records through, and the silences between them."""
        items = [(r.append_ms + self.delay(r), RANK.get(r.feed, 2), r.offset, r) for r in records]
        newest = 0
        for turn, _, _, record in sorted(items, key=lambda item: item[:3]):
            self.silence(newest, turn)
            newest = max(newest, record.append_ms)
            self.expire(record.append_ms)
            self.take(record)
        self.silence(newest, reach_ms)
        self.expire(reach_ms)

    def delay(self, record):
        return 0 if record.feed == "rooms" else self.settle_ms

    @property
    def current(self):
        return self.sessions[-1] if self.sessions and self.sessions[-1].end_ms is None else None

    @property
    def state(self):
        if self.current:
            return "paused" if self.paused else "live"
        return "ended" if self.sessions and not self.planned_again else "planned"

    planned_again = False

    def silence(self, newest, turn):
        """End the session if nothing came for ten minutes before this turn."""
        if self.current and turn >= newest + MINUTES_10 + self.settle_ms:
            self.close(newest + MINUTES_10, "silent")

    def close(self, at_ms, reason):
        self.current.reason = reason
        self.current.end_ms = at_ms
        self.planned_again = False

    def expire(self, now_ms):
        """Let go what waited for more than ten minutes."""
        for record in [r for r in self.waiting if now_ms - r.append_ms > MINUTES_10]:
            self.waiting.remove(record)
            self.lose(record)

    def lose(self, record):
        self.off_air[record.feed] += 1
        if record.feed == "orders":
            key = record.event["order_id"], record.event["status"]
            self.own[key] = (record.append_ms, None, record.offset)

    def take(self, record):
        event = record.event
        if record.feed == "rooms":
            self.room_record(record)
        elif record.feed == "marks":
            pass
        elif record.feed == "orders":
            self.order(record)
        else:
            if record.feed == "health" and not self.was_named and not self.sessions:
                self.sessions.append(Session(event["at_ms"], named=False))
            self.place(record)

    def place(self, record):
        """Count an event in the session that holds its time, keep it, or let it go."""
        for session in reversed(self.sessions):
            if session.holds(record.event["at_ms"]):
                self.count(session, record)
                return session
        if self.current:
            self.lose(record)
            return None
        self.waiting.append(record)
        return "waits"

    def room_record(self, record):
        event, at_ms = record.event, record.event["at_ms"]
        self.was_named = True
        if event["state"] == "live":
            self.live(at_ms, record.append_ms)
        elif event["state"] == "planned":
            self.planned_again = True
        elif self.current and event["state"] == "ended":
            if at_ms >= self.current.from_ms:
                self.close(at_ms, "ended")
        elif self.current and at_ms >= self.state_at_ms:
            self.paused, self.state_at_ms = True, at_ms

    def live(self, at_ms, append_ms):
        if self.current:
            if at_ms >= self.state_at_ms:
                self.paused, self.state_at_ms = False, at_ms
            if self.current.named:
                return
            self.current.named = True
            self.current.from_ms = min(self.current.from_ms, at_ms)
        else:
            last = self.sessions[-1] if self.sessions else None
            if last and last.reason == "ended" and at_ms < last.end_ms:
                return
            if last and last.start_ms == at_ms:
                last.end_ms = last.reason = None
            elif any(session.start_ms == at_ms for session in self.sessions):
                return
            else:
                self.sessions.append(Session(at_ms, named=True))
            self.paused, self.state_at_ms, self.planned_again = False, at_ms, False
        self.join(at_ms, append_ms)

    def join(self, at_ms, append_ms):
        """Take in what waited, came in the last ten minutes and is not before the record's time.

        A cancel or refund goes where its order was when it came.
        """
        order = {feed: number for number, feed in enumerate(REQUIRED)}
        for record in sorted(self.waiting, key=lambda r: (r.append_ms, order[r.feed], r.offset)):
            if append_ms - record.append_ms > MINUTES_10:
                continue
            if record.feed == "orders" and record.event["status"] in ("cancelled", "refunded"):
                if self.session_of(record) is not self.current:
                    continue
            elif record.event["at_ms"] < at_ms:
                continue
            self.waiting.remove(record)
            if "text" in record.event:
                record.event["text"] = ""
            self.count(self.current, record)
            if record.feed == "orders":
                key = record.event["order_id"], record.event["status"]
                self.own[key] = (record.append_ms, self.current, record.offset)

    def session_of(self, record):
        """Return where its order was paid before it, else first seen; "waits", None or "forgotten" else."""
        order_id, append_ms = record.event["order_id"], record.append_ms
        found = {
            status: self.own[order_id, status]
            for status in ("created", "paid", "failed")
            if (order_id, status) in self.own
            and append_ms - self.own[order_id, status][0] < HOURS_24
            and self.own[order_id, status][2] < record.offset
        }
        if not found:
            return "forgotten"
        own = found.get("paid") or min(found.values(), key=lambda own: (own[0], own[2]))
        return own[1]

    def order(self, record):
        event, append_ms = record.event, record.append_ms
        key = event["order_id"], event["status"]
        if key in self.statuses and append_ms - self.statuses[key] < HOURS_24:
            self.duplicates += 1
            return
        self.statuses[key] = append_ms
        if event["status"] in ("cancelled", "refunded"):
            session = self.session_of(record)
            if session == "waits":
                self.waiting.append(record)
            elif isinstance(session, Session):
                self.count(session, record)
            else:
                self.lose(record)
                return
        else:
            session = self.place(record)
        self.own[key] = (append_ms, session, record.offset)

    def count(self, session, record):
        event, feed = record.event, record.feed
        for name, number in amounts(feed, event).items():
            session.sums[name] += number
            if not record.late:
                self.panes[event["at_ms"] // 1_000][name] += number
        for second, name in [*stays(feed, event), *self.due(session, record)]:
            session.sums[name] += 1
            if not record.late:
                self.panes[second][name] += 1
        self.present(session, record)
        if feed == "health" and not record.late:
            self.pane_pings[event["at_ms"] // 10_000][ping(event)] += 1
        if not record.late:
            self.suspect(session, feed, event, judged=event["at_ms"] > record.append_ms - JUDGED_MS)
        self.newest(session, feed, event)
        self.items(session, feed, event)

    def present(self, session, record):
        """Keep who did what, in the session, by the minute, and for some by ten seconds."""
        event = record.event
        for name in people(record.feed, event):
            user, at_ms = event["user_id"], event["at_ms"]
            if name not in PANES_ONLY:
                session.people[name].add(user)
            if name not in SESSION_ONLY and not record.late:
                self.pane_people[name, at_ms // 60_000 * 6].add(user)
            if name in SAMPLES and not record.late:
                self.pane_people[SAMPLES[name], at_ms // 10_000].add(user)

    def due(self, session, record):
        """Return seconds and names for an order that is created, and one that was created and is paid."""
        if record.feed != "orders" or record.event["status"] not in ("created", "paid"):
            return []
        status = record.event["status"]
        other = "paid" if status == "created" else "created"
        other_ms, other_session = self.own.get((record.event["order_id"], other), (-HOURS_24, None, -1))[:2]
        paired = other_session is session and record.append_ms - other_ms < HOURS_24
        created_ms = record.append_ms if status == "created" else other_ms
        names = ["due.created"] * (status == "created") + ["due.paid"] * paired
        return [(created_ms // 1_000, name) for name in names]

    def items(self, session, feed, event):
        """Keep who clicks and who pays which item, and what."""
        item = event.get("item_id")
        if item is not None and feed == "visits" and event["action"] == "click":
            session.clicked[item].add(event["user_id"])
        if item is not None and "payers" in people(feed, event):
            session.paid[item].add(event["user_id"])
            session.prices[item][event["amount_fen"]] += 1

    def suspect(self, session, feed, event, *, judged):
        """Count who floods the room, lines that were said before, and who has trouble."""
        second, user = event["at_ms"] // 1_000, event["user_id"] if feed in USED else None
        if feed == "danmaku" and event["text"] in TROUBLED:
            self.complainers[second].add(user)
        if not judged:
            return
        found = []
        if is_busy(feed, event):
            session.busy[second // 10, user] += 1
            if session.busy[second // 10, user] > 100:
                found.append((second // 10 * 10, "suspect.flood"))
        text = plain(event["text"]) if feed == "danmaku" else ""
        if text:
            minute = [by for said, at, by in session.lines if said == text and at >= second - 60]
            session.lines.append((text, second, user))
            if minute:
                found.append((second, "danmaku.again"))
            if len({*minute, user}) >= 5:
                found.append((second, "suspect.repeat"))
        for at, name in found:
            session.sums[name] += 1
            self.panes[at][name] += 1

    def newest(self, session, feed, event):
        """Count what only sessions keep, and keep who is there."""
        for group in HITS.get(feed, {}).get(event.get("text"), ()):
            session.words[group] += 1
        bucket = dwell_bucket(feed, event)
        if bucket is not None:
            session.dwell[bucket] += 1
        if feed == "visits" and event["action"] == "enter":
            session.from_source("enters_from", event.get("source"), [1])
        if feed == "orders" and event["status"] == "paid" and event.get("kind", "goods") == "goods":
            session.from_source("orders_from", event.get("source"), [1, event["amount_fen"]])
        if feed == "visits" and event["action"] in ("enter", "leave"):
            session.balance = (session.balance or 0) + (1 if event["action"] == "enter" else -1)
            session.balance_peak = max(session.balance_peak, session.balance)
        if feed == "health" and event.get("online") is not None:
            if session.online is None or event["at_ms"] >= session.online[0]:
                session.online = (event["at_ms"], event["online"])
            session.online_peak = max(session.online_peak or 0, event["online"])
        if feed == "health" and event.get("egress_limit_kbps"):
            limit = (event["at_ms"], round(event["egress_limit_kbps"] * 125))
            if session.egress_limit is None or limit[0] >= session.egress_limit[0]:
                session.egress_limit = limit


def main() -> None:
    """Print what a log comes to."""
    lines = map(json.loads, Path(sys.argv[1]).read_text(encoding="utf-8").splitlines())
    partitions: dict[int, list[Any]] = defaultdict(list)
    for line in lines:
        line["key"], line["value"] = line["key"].encode(), line["value"].encode()
        partitions[line["partition"]].append(Record(**line))
    for partition, records in sorted(partitions.items()):
        for room in recount(records)["rooms"].values():
            for session in room.sessions:
                sums = dict(sorted(session.sums.items()))
                sys.stdout.write(json.dumps([partition, room.room_id, session.start_ms, sums]) + "\n")


if __name__ == "__main__":
    main()
