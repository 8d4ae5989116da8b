"""The values that the feeds carry, as flat structs; the one place that names feeds and topics.

Field names, bounds and units are those of the contract, section 1. Bounds are declared here once: the codec
decodes by them, the JSON Schemas under ``docs/schemas`` are generated from them.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

__all__ = [
    "BULK_FEEDS",
    "CRITICAL_FEEDS",
    "FEEDS",
    "FLOODS",
    "FUTURE_LIMIT_MS",
    "ID_PATTERN",
    "NUMBER_MAX",
    "PROBES",
    "STRUCTS",
    "VALUE_BYTES_MAX",
    "Danmaku",
    "Event",
    "Feed",
    "Like",
    "Mark",
    "Order",
    "Ping",
    "Probe",
    "Record",
    "RoomRecord",
    "Speech",
    "VendorCall",
    "Visit",
]

Feed = Literal["danmaku", "likes", "orders", "visits", "health", "vendors", "rooms", "marks", "transcript"]
"""A feed's short name; its topic is ``live.`` + the name."""

CRITICAL_FEEDS: Final[tuple[Feed, ...]] = ("health", "orders", "vendors", "rooms", "marks")
"""Feeds of the group member: low rate, and an alert may hang on a single record."""
BULK_FEEDS: Final[tuple[Feed, ...]] = ("danmaku", "likes", "visits", "transcript")
"""Feeds that may flood; they follow the assignment of the critical ones."""
FEEDS: Final[tuple[Feed, ...]] = CRITICAL_FEEDS + BULK_FEEDS
FLOODS: Final[tuple[Feed, ...]] = ("danmaku", "likes", "visits")
"""Feeds of what viewers do: nearly all records are theirs, so they are decoded and counted natively."""

VALUE_BYTES_MAX: Final = 64 * 1024
"""A larger value is a dead letter (``too_large``); bytes, from the contract."""
FUTURE_LIMIT_MS: Final = 10_000
"""An event further ahead of its append time is a dead letter (``future``); milliseconds."""
ID_PATTERN: Final = r"^[A-Za-z0-9_.:\-]{1,64}(?![\s\S])"
"""The last group is a ``$`` that no dialect lets a trailing newline past."""

Probe = Literal["ingest", "edge", "player"]
PROBES: Final[tuple[Probe, ...]] = ("ingest", "edge", "player")

NUMBER_MAX: Final = 2**53 - 1
"""Largest number of any field: beyond it JSON readers disagree."""

Id = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema={"pattern": ID_PATTERN})]
"""1-64 characters of ``A-Z a-z 0-9 _ . : -``; the codec checks the characters and remembers good ones."""
Label = Annotated[str, Meta(min_length=1, max_length=64)]
"""1-64 characters of any kind: a value that becomes a label, such as a source or a region."""
Instant = Annotated[int, Meta(ge=0, le=NUMBER_MAX)]
Count = Annotated[int, Meta(ge=0, le=NUMBER_MAX)]
Measure = Annotated[float, Meta(ge=0, le=NUMBER_MAX)]
Ratio = Annotated[float, Meta(ge=0, le=1)]
Text = Annotated[str, Meta(max_length=500)]
Name = Annotated[str, Meta(max_length=500)]
EventId = Annotated[str, Meta(max_length=64)]


class Record(Struct, frozen=True, gc=False, eq=False):
    """What all feeds' records share: two are equal when their fields are, whichever decoder made them."""

    def __eq__(self, other: object) -> bool:
        """Compare the fields; the codec's strict variant of a struct equals the struct."""
        if not isinstance(other, Record) or self.__struct_fields__ != other.__struct_fields__:
            return NotImplemented
        return msgspec.structs.astuple(self) == msgspec.structs.astuple(other)

    def __hash__(self) -> int:
        """Hash the fields, lists by their text."""
        return hash(repr(msgspec.structs.astuple(self)))


class Danmaku(Record, frozen=True, gc=False):
    """A chat line shown over the picture."""

    room_id: Id
    user_id: Id
    at_ms: Instant
    text: Text
    event_id: EventId | None = None


class Like(Record, frozen=True, gc=False):
    """Likes that a viewer gave at once."""

    room_id: Id
    user_id: Id
    at_ms: Instant
    count: Annotated[int, Meta(ge=1, le=10_000)]
    event_id: EventId | None = None


class Order(Record, frozen=True, gc=False):
    """A step in the life of an order; ``amount_fen`` is what the buyer pays, after the coupon."""

    room_id: Id
    user_id: Id
    at_ms: Instant
    order_id: Id
    status: Literal["created", "paid", "cancelled", "refunded", "failed"]
    amount_fen: Count
    coupon_fen: Count | None = None
    giveaway_fen: Count | None = None
    item_id: Id | None = None
    source: Label | None = None
    kind: Literal["goods", "gift"] = "goods"
    event_id: EventId | None = None


class Visit(Record, frozen=True, gc=False):
    """What a viewer did in the room."""

    room_id: Id
    user_id: Id
    at_ms: Instant
    action: Literal["enter", "leave", "click", "cart", "follow", "share", "rate"]
    source: Label | None = None
    item_id: Id | None = None
    dwell_ms: Count | None = None
    score: Annotated[float, Meta(ge=0, le=10)] | None = None
    event_id: EventId | None = None


class Ping(Record, frozen=True, gc=False):
    """Stream health over the ``interval_ms`` before ``at_ms``; ``av_offset_ms`` above zero: sound early."""

    room_id: Id
    at_ms: Instant
    probe: Probe
    node: Label
    interval_ms: Annotated[int, Meta(ge=1, le=600_000)]
    cdn: Label | None = None
    region: Label | None = None
    stall_ms: Count | None = None
    fps: Annotated[float, Meta(ge=0, le=1_000)] | None = None
    bitrate_kbps: Measure | None = None
    dropped_frames: Count | None = None
    rtt_ms: Measure | None = None
    av_offset_ms: Annotated[float, Meta(ge=-600_000, le=600_000)] | None = None
    online: Count | None = None
    cpu_ratio: Ratio | None = None
    egress_kbps: Measure | None = None
    egress_limit_kbps: Measure | None = None
    codes: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=64)] | None = None
    event_id: EventId | None = None


class VendorCall(Record, frozen=True, gc=False):
    """One call to a vendor: payment, danmaku gateway, coupons."""

    vendor: Id
    operation: Id
    at_ms: Instant
    latency_ms: Measure
    outcome: Literal["ok", "timeout", "error"]
    room_id: Id | None = None
    event_id: EventId | None = None


class RoomRecord(Record, frozen=True, gc=False):
    """A room's facts and state; repeated when they change."""

    room_id: Id
    at_ms: Instant
    state: Literal["planned", "live", "paused", "ended"]
    title: Name | None = None
    host: Name | None = None
    category: Name | None = None
    owner: Name | None = None
    cdn: Name | None = None
    region: Name | None = None
    cost_fen: Count | None = None
    ad_spend_fen: Count | None = None
    capacity: Count | None = None
    starts_at_ms: Instant | None = None
    ends_at_ms: Instant | None = None
    event_id: EventId | None = None


class Mark(Record, frozen=True, gc=False):
    """What is on air from this moment."""

    room_id: Id
    at_ms: Instant
    mark: Literal["item_on", "item_off", "host_change", "lucky_bag", "coupon", "violation", "note"]
    item_id: Id | None = None
    title: Name | None = None
    stock: Count | None = None
    price_fen: Count | None = None
    event_id: EventId | None = None


class Speech(Record, frozen=True, gc=False):
    """The host's speech as text, from any recogniser."""

    room_id: Id
    at_ms: Instant
    text: Text
    speaker: Name | None = None
    event_id: EventId | None = None


Event = Danmaku | Like | Order | Visit | Ping | VendorCall | RoomRecord | Mark | Speech

STRUCTS: Final[dict[Feed, type[Record]]] = {
    "danmaku": Danmaku,
    "likes": Like,
    "orders": Order,
    "visits": Visit,
    "health": Ping,
    "vendors": VendorCall,
    "rooms": RoomRecord,
    "marks": Mark,
    "transcript": Speech,
}
