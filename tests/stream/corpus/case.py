"""One record with its verdict, and how to make one from a minimal good record."""

import json
from dataclasses import dataclass
from typing import Any

from tests.stream.plain_decoder import kafka_partition

APPEND_MS = 1_760_000_000_000
PARTITIONS = 4

MINIMAL: dict[str, dict[str, Any]] = {
    "danmaku": {"room_id": "r1", "user_id": "u1", "at_ms": APPEND_MS, "text": "好看"},
    "likes": {"room_id": "r1", "user_id": "u1", "at_ms": APPEND_MS, "count": 3},
    "orders": {
        "room_id": "r1",
        "user_id": "u1",
        "at_ms": APPEND_MS,
        "order_id": "o1",
        "status": "paid",
        "amount_fen": 9_900,
    },
    "visits": {"room_id": "r1", "user_id": "u1", "at_ms": APPEND_MS, "action": "enter"},
    "health": {"room_id": "r1", "at_ms": APPEND_MS, "probe": "edge", "node": "e1", "interval_ms": 2_000},
    "vendors": {
        "vendor": "pay",
        "operation": "charge",
        "at_ms": APPEND_MS,
        "latency_ms": 120,
        "outcome": "ok",
    },
    "rooms": {"room_id": "r1", "at_ms": APPEND_MS, "state": "live"},
    "marks": {"room_id": "r1", "at_ms": APPEND_MS, "mark": "item_on"},
    "transcript": {"room_id": "r1", "at_ms": APPEND_MS, "text": "欢迎大家"},
}


@dataclass(frozen=True)
class Case:
    """A record and its verdict: ``good`` or a dead-letter reason."""

    name: str
    feed: str
    value: bytes | None
    verdict: str
    key: bytes | None = b"r1"
    partition: int = kafka_partition(b"r1", PARTITIONS)
    append_ms: int = APPEND_MS


def record(feed: str, *without: str, **fields: Any) -> bytes:
    """Return the feed's minimal good record with some fields taken away and others set."""
    whole = {**MINIMAL[feed], **fields}
    return json.dumps({k: v for k, v in whole.items() if k not in without}, ensure_ascii=False).encode()


def case(name: str, feed: str, value: bytes | None, verdict: str, **place: Any) -> Case:
    """Return a case that lies where its minimal record belongs, unless ``place`` says otherwise."""
    key = b"pay" if feed == "vendors" else b"r1"
    return Case(
        name, feed, value, verdict, **{"key": key, "partition": kafka_partition(key, PARTITIONS), **place}
    )


def with_field(feed: str, name: str, raw: bytes) -> bytes:
    """Return the minimal record with a field whose JSON is given as it stands, right or wrong."""
    rest = record(feed, name)
    return rest[:-1] + b", " + json.dumps(name).encode() + b": " + raw + b"}"
