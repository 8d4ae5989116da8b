"""Records that must be accepted, strange as some look."""

from typing import Any

from tests.stream.corpus.case import APPEND_MS, MINIMAL, PARTITIONS, Case, case, record, with_field
from tests.stream.plain_decoder import kafka_partition

FULL: dict[str, dict[str, Any]] = {
    "danmaku": {"event_id": "e1"},
    "likes": {"event_id": "e1"},
    "orders": {
        "coupon_fen": 100,
        "giveaway_fen": 0,
        "item_id": "i1",
        "source": "推荐",
        "kind": "gift",
        "event_id": "e1",
    },
    "visits": {"source": "feed", "item_id": "i1", "dwell_ms": 1_000, "score": 9.5, "event_id": "e1"},
    "health": {
        "cdn": "cdn-a",
        "region": "华东",
        "stall_ms": 0,
        "fps": 29.97,
        "bitrate_kbps": 2_500,
        "dropped_frames": 0,
        "rtt_ms": 31.5,
        "av_offset_ms": -40,
        "online": 812,
        "cpu_ratio": 0.5,
        "egress_kbps": 1e6,
        "egress_limit_kbps": 2e6,
        "codes": ["videoIngestionStarved", "gopSizeLong"],
        "event_id": "e1",
    },
    "vendors": {"room_id": "r1", "event_id": "e1"},
    "rooms": {
        "title": "夏日特卖",
        "host": "小雨",
        "category": "beauty",
        "owner": "li",
        "cdn": "cdn-a",
        "region": "华东",
        "cost_fen": 1,
        "ad_spend_fen": 2,
        "capacity": 3,
        "starts_at_ms": APPEND_MS,
        "ends_at_ms": APPEND_MS + 3_600_000,
        "event_id": "e1",
    },
    "marks": {"item_id": "i1", "title": "面膜", "stock": 0, "price_fen": 9_900, "event_id": "e1"},
    "transcript": {"speaker": "host", "event_id": "e1"},
}
LONG = "r" * 64
NESTED = b"[" * 255 + b"]" * 255

GOOD: list[Case] = [
    *(case(f"{feed} minimal", feed, record(feed), "good") for feed in MINIMAL),
    *(case(f"{feed} full", feed, record(feed, **FULL[feed]), "good") for feed in MINIMAL),
    *(
        case(f"{feed} all optional null", feed, record(feed, **dict.fromkeys(FULL[feed])), "good")
        for feed in MINIMAL
    ),
    case("unknown field", "likes", record("likes", colour="red"), "good"),
    case("unknown nested field", "likes", record("likes", extra={"a": [1, {"b": None}]}), "good"),
    case("unknown field 256 deep", "likes", with_field("likes", "x", NESTED), "good"),
    case("unknown number without end", "likes", with_field("likes", "x", b"1e999"), "good"),
    case("unknown integer of 5000 digits", "likes", with_field("likes", "x", b"9" * 5_000), "good"),
    case("brackets in a text", "danmaku", record("danmaku", text="[" * 500), "good"),
    case("white space round it", "likes", b" \t\r\n" + record("likes") + b"\n", "good"),
    case("duplicate field, last good", "likes", with_field("likes", "count", b'"x", "count": 1'), "good"),
    case("integer written as 3.0", "likes", with_field("likes", "count", b"3.0"), "good"),
    case("integer written as 1e3", "likes", with_field("likes", "count", b"1e3"), "good"),
    case("minus zero", "orders", with_field("orders", "amount_fen", b"-0"), "good"),
    case("most likes", "likes", record("likes", count=10_000), "good"),
    case("text of 500 characters", "danmaku", record("danmaku", text="播" * 500), "good"),
    case("empty text", "danmaku", record("danmaku", text=""), "good"),
    case("text null as a word", "danmaku", record("danmaku", text="null"), "good"),
    case("escaped pair", "danmaku", with_field("danmaku", "text", b'"\\ud83d\\ude00"'), "good"),
    case("escaped field name", "likes", record("likes", "count")[:-1] + b', "co\\u0075nt": 2}', "good"),
    case("escaped NUL in a text", "danmaku", with_field("danmaku", "text", b'"a\\u0000b"'), "good"),
    case("every id character", "likes", record("likes", user_id="aZ09_.:-"), "good"),
    case(
        "id of 64 characters",
        "likes",
        record("likes", room_id=LONG),
        "good",
        key=LONG.encode(),
        partition=kafka_partition(LONG.encode(), PARTITIONS),
    ),
    case("at_ms zero", "likes", record("likes", at_ms=0), "good"),
    case("10 s ahead", "likes", record("likes", at_ms=APPEND_MS + 10_000), "good"),
    case(
        "as large as can be", "likes", record("likes", x="y" * (65_536 - len(record("likes", x="")))), "good"
    ),
]
