"""Makes logs of all feeds of one partition, and folds them in any order of reading."""

from __future__ import annotations

import json
import random
import struct
from collections import Counter, defaultdict

import msgspec

from stream.alignment import Alignment
from stream.codec import Decoder
from stream.figures import EXTRAS, LAYOUT
from stream.folding import Folder
from stream.model import FEEDS
from stream.operations import Operation
from stream.panes import oldest_brief, oldest_panes
from stream.partition import Partition
from stream.store.flush import Flusher
from stream.store.packing import pack_operation, unpack_operation, unpack_room
from stream.users import UserHasher
from stream.words import SHIPPED, Words
from tests.stream.recount import Record

HASHER = UserHasher(b"test-key")
WORDS = Words.load(SHIPPED)
SETTLE_MS, ALIGN_MS, LATENESS_MS = 30, 10_000, 30_000
START_MS = 1_700_000_000_000
TOPICS = {feed: f"live.{feed}" for feed in FEEDS}


class Log:
    """The logs of one partition while they are written."""

    def __init__(self, start_ms=START_MS):
        self.records = []
        self.now_ms = start_ms
        self._offsets = defaultdict(int)

    def put(self, feed, *, append_ms=None, key=None, value=None, **fields):
        """Append a record; ``at_ms`` is the append time unless given."""
        self.now_ms = append_ms = self.now_ms if append_ms is None else append_ms
        fields.setdefault("at_ms", append_ms)
        owner = fields.get("vendor") if feed == "vendors" else fields.get("room_id")
        raw = json.dumps(fields).encode() if value is None else value
        key = str(owner).encode() if key is None else key
        self.records.append(Record(feed, 0, self._offsets[feed], append_ms, key, raw))
        self._offsets[feed] += 1

    def wait(self, ms):
        """Let time pass."""
        self.now_ms += ms


class Folding:
    """A partition that is fed by hand."""

    def __init__(self):
        self.partition = Partition(HASHER, lateness_ms=LATENESS_MS, settle_ms=SETTLE_MS)
        self.partition.words = WORDS
        self.alignment = Alignment(settle_ms=SETTLE_MS, align_ms=ALIGN_MS)
        self.folder = Folder(
            0,
            self.partition,
            self.alignment,
            decoders={feed: Decoder(feed, 1, HASHER) for feed in FEEDS},
            topics=TOPICS,
        )
        self.flusher = Flusher(0, self.partition, set(), TOPICS)
        self.appended = {}
        self.offsets = {}

    def kept_offset(self, feed):
        """Return the offset of the next record of a feed."""
        return self.folder.offsets.get(feed, self.offsets.get(feed, 0))

    def read(self, feed, records):
        self.alignment.queues[feed].put([(r.value, r.key, r.append_ms, r.offset) for r in records])

    def saw_end(self, feed, reach_ms):
        self.alignment.queues[feed].saw_end(reach_ms)

    def fold(self):
        while self.folder.step():
            pass

    def flush(self, *, closing=True):
        reach = self.alignment.reach_ms()
        self.partition.expire_waiting(min(reach.values()))
        *_, made = self.flusher.flush(reach, critical=self.folder.take_critical(), closing=closing)
        return made


def fold_at_once(records, reach_ms):
    """Fold everything in one go."""
    folding = Folding()
    for feed in FEEDS:
        folding.read(feed, [r for r in records if r.feed == feed])
        folding.saw_end(feed, reach_ms)
    folding.fold()
    folding.flush()
    return folding


def fold_in_pieces(records, reach_ms, seed):
    """Fold in pieces of random size, feeds in random order, with flushes in between."""
    chance, folding = random.Random(seed), Folding()
    left = {feed: [r for r in records if r.feed == feed] for feed in FEEDS}
    ends = dict.fromkeys(FEEDS, False)
    while not all(ends.values()):
        feed = chance.choice(FEEDS)
        size = chance.choice((1, 2, 5, 50))
        folding.read(feed, left[feed][:size])
        del left[feed][:size]
        if not left[feed]:
            folding.saw_end(feed, reach_ms)
            ends[feed] = True
        if chance.random() < 0.5:
            folding.fold()
        if chance.random() < 0.3:
            folding.flush(closing=chance.random() < 0.5)
    folding.fold()
    folding.flush()
    return folding


class PlainStore:
    """What the writes of flushes come to, in dicts."""

    def __init__(self):
        self.hashes: dict[str, dict[bytes, bytes]] = defaultdict(dict)
        self.strings: dict[str, bytearray] = defaultdict(bytearray)
        self.fields = {}

    def apply(self, writes):
        """Do as the script does."""
        for kind, number, *arguments in _unpack(writes.pack()):
            key = writes.keys[int(number) - 1]
            if kind == b"hset":
                self.hashes[key].update(zip(arguments[::2], arguments[1::2], strict=True))
            elif kind == b"hdel":
                for name in arguments:
                    self.hashes[key].pop(name, None)
            elif kind == b"setrange":
                at, raw = int(arguments[0]), arguments[1]
                chunk = self.strings[key]
                chunk.extend(bytes(max(0, at + len(raw) - len(chunk))))
                chunk[at : at + len(raw)] = raw
            elif kind == b"del":
                self.hashes.pop(key, None)
                self.strings.pop(key, None)

    def load(self, before):
        """Return a new folding that goes on where ``before`` was when it was flushed."""
        folding = Folding()
        partition = folding.partition
        for feed, queue in folding.alignment.queues.items():
            queue.append_ms = before.folder.appended.get(feed, before.appended.get(feed, 0))
            queue.reach_ms = before.alignment.queues[feed].folded_ms
            partition.late[feed].highest_ms = before.partition.late[feed].highest_ms
        folding.offsets = before.offsets | before.folder.offsets
        folding.appended = before.appended | before.folder.appended
        partition.forgot_ms = min(queue.reach_ms for queue in folding.alignment.queues.values())
        partition.counts.update(before.partition.counts)
        for key, fields in self.hashes.items():
            _, kind, name = [*key.split(":", 2), ""][:3]
            if kind == "room":
                partition.adopt(unpack_room(name, fields))
            elif kind == "vendor":
                partition.operations[name] = unpack_operation(name, fields)
        for key, chunk in self.strings.items():
            partition.orders.load(int(key.rpartition(":")[2]), bytes(chunk))
        folding.flusher = Flusher(0, partition, set(), TOPICS)
        return folding


def _unpack(raw):
    """Unpack lists of strings of any bytes, as the store's scripts do."""

    def value(at):
        mark = raw[at]
        if mark == 0xDD:
            found, at, count = [], at + 5, int.from_bytes(raw[at + 1 : at + 5], "big")
            for _ in range(count):
                one, at = value(at)
                found.append(one)
            return found, at
        size, at = (
            (mark & 31, at + 1) if mark < 0xC0 else (int.from_bytes(raw[at + 1 : at + 5], "big"), at + 5)
        )
        return raw[at : at + size], at + size

    return value(0)[0]


def fold_with_restarts(records, reach_ms, seed):
    """Fold in pieces; at some flushes forget everything and go on from what was written."""
    chance, folding, store = random.Random(seed), Folding(), PlainStore()
    left = {feed: [r for r in records if r.feed == feed] for feed in FEEDS}
    ends, restarts = dict.fromkeys(FEEDS, False), 4
    while not all(ends.values()):
        feed = chance.choice(FEEDS)
        size = chance.choice((1, 3, 20))
        read, left[feed] = left[feed][:size], left[feed][size:]
        folding.read(feed, read)
        if not left[feed]:
            folding.saw_end(feed, reach_ms)
            ends[feed] = True
        folding.fold()
        if chance.random() < 0.5:
            store.apply(folding.flush(closing=chance.random() < 0.5).writes)
            if restarts and chance.random() < 0.5:
                folding, restarts = store.load(folding), restarts - 1
                for name in FEEDS:
                    offset = folding.kept_offset(name)
                    left[name] = [r for r in records if r.feed == name and r.offset >= offset]
                    ends[name] = False
    folding.fold()
    store.apply(folding.flush().writes)
    return folding


def described(partition, reach_ms):
    """Return everything that a partition counted, as plain values; of panes those that windows may need."""
    partition.merge(partition.rooms.values(), partition.operations.values())
    return {
        "rooms": {room_id: _room(room, reach_ms) for room_id, room in sorted(partition.rooms.items())},
        "vendors": {
            name: _tally(found.tally, reach_ms) for name, found in sorted(partition.operations.items())
        },
        "counts": {name: n for name, n in sorted(partition.counts.items()) if n},
    }


def _room(room, reach_ms):
    return {
        "state": room.state,
        "facts": room.facts,
        "off_air": dict(room.off_air),
        "newest": dict(sorted(room.newest_ms.items())),
        "waiting": sorted(room.waiting),
        "sessions": [
            (s.start_ms, s.end_ms, s.reason, s.live_ms, _tally(s.tally, reach_ms)) for s in room.sessions
        ],
    }


def totals_of(tally):
    """Return the totals of a session by cell, without zeros."""
    return {name: number for name, number in zip(LAYOUT.names, tally.totals, strict=True) if number}


def sets_of(tally):
    """Return the sets of people of a session, by name."""
    return {name: tally.people(name) for name in tally.parts()[0]}


def extras_of(tally, *, coarse):
    """Return what the panes of a session keep besides cells: number -> name -> as it is packed."""
    return {number: msgspec.msgpack.decode(raw) for number, raw in tally.extras_of_panes(coarse).items()}


def fields_of(tally):
    """Return the fields of the store of what changed of a tally since it was last asked for."""
    operation = Operation("pay", "charge")
    operation.tally = tally
    return {name.encode(): raw for name, raw in pack_operation(operation).items()}


def unpacked(fields, places=None):
    """Return the tally that the fields of the store hold."""
    return unpack_operation("pay/charge", fields, places).tally


def cells_of(pane):
    """Return the numbers of a pane by cell."""
    sums: Counter[str] = Counter()
    for cell, number in struct.iter_unpack("<HI", pane):
        sums[LAYOUT.names[cell & 0x7FFF]] += number << 32 if cell & 0x8000 else number
    return dict(sums)


def _tally(tally, reach_ms):
    oldest_fine, oldest_coarse = oldest_panes(reach_ms)
    return {
        "totals": totals_of(tally),
        "registers": dict(sorted(tally.registers.items())),
        "sets": {name: found.pack() for name, found in sorted(sets_of(tally).items())},
        "samples": {name: tally.sample(name).pack() for name in sorted(tally.parts()[1])},
        "items": {name: items.pack() for name, items in sorted(tally.items.items())},
        "fine": {n: cells_of(pane) for n, pane in tally.panes(False).items() if n >= oldest_fine},
        "coarse": {n: cells_of(pane) for n, pane in tally.panes(True).items() if n >= oldest_coarse},
        "fine_extras": _extras(extras_of(tally, coarse=False), oldest_fine, oldest_fine),
        "coarse_extras": _extras(extras_of(tally, coarse=True), oldest_coarse, oldest_brief(reach_ms)),
    }


def _extras(panes, oldest, oldest_kept_briefly):
    return {
        (number, name): packed
        for number, kept in sorted(panes.items())
        for name, packed in sorted(kept.items())
        if number >= (oldest_kept_briefly if EXTRAS[name].brief else oldest)
    }
