"""A decoder that is plainly right, for tests and recounts: the contract's section 1, word for word.

Shares nothing with the product: its own tables, Python's json, no speed. Verdicts are those that
``stream/judge.py`` and ``stream/codec.py`` document.
"""

import json

ID = ("id",)
LABEL = ("text", 1, 64)
NAME = ("text", 0, 500)
COUNT = ("int", 0, 2**53 - 1)
MEASURE = ("number", 0, 2**53 - 1)

# field: (required, what it holds)
EVERY = {"at_ms": (True, COUNT), "event_id": (False, ("text", 0, 64))}
IN_ROOM = {"room_id": (True, ID), **EVERY}
BY_USER = {"user_id": (True, ID), **IN_ROOM}
FEEDS = {
    "danmaku": {**BY_USER, "text": (True, ("text", 0, 500))},
    "likes": {**BY_USER, "count": (True, ("int", 1, 10_000))},
    "orders": {
        **BY_USER,
        "order_id": (True, ID),
        "status": (True, ("word", "created", "paid", "cancelled", "refunded", "failed")),
        "amount_fen": (True, COUNT),
        "coupon_fen": (False, COUNT),
        "giveaway_fen": (False, COUNT),
        "item_id": (False, ID),
        "source": (False, LABEL),
        "kind": (False, ("word", "goods", "gift")),
    },
    "visits": {
        **BY_USER,
        "action": (True, ("word", "enter", "leave", "click", "cart", "follow", "share", "rate")),
        "source": (False, LABEL),
        "item_id": (False, ID),
        "dwell_ms": (False, COUNT),
        "score": (False, ("number", 0, 10)),
    },
    "health": {
        **IN_ROOM,
        "probe": (True, ("word", "ingest", "edge", "player")),
        "node": (True, LABEL),
        "interval_ms": (True, ("int", 1, 600_000)),
        "cdn": (False, LABEL),
        "region": (False, LABEL),
        "stall_ms": (False, COUNT),
        "fps": (False, ("number", 0, 1_000)),
        "bitrate_kbps": (False, MEASURE),
        "dropped_frames": (False, COUNT),
        "rtt_ms": (False, MEASURE),
        "av_offset_ms": (False, ("number", -600_000, 600_000)),
        "online": (False, COUNT),
        "cpu_ratio": (False, ("number", 0, 1)),
        "egress_kbps": (False, MEASURE),
        "egress_limit_kbps": (False, MEASURE),
        "codes": (False, ("texts", 64, 64)),
    },
    "vendors": {
        **EVERY,
        "vendor": (True, ID),
        "operation": (True, ID),
        "latency_ms": (True, MEASURE),
        "outcome": (True, ("word", "ok", "timeout", "error")),
        "room_id": (False, ID),
    },
    "rooms": {
        **IN_ROOM,
        "state": (True, ("word", "planned", "live", "paused", "ended")),
        **dict.fromkeys(("title", "host", "category", "owner", "cdn", "region"), (False, NAME)),
        **dict.fromkeys(("cost_fen", "ad_spend_fen", "capacity"), (False, COUNT)),
        **dict.fromkeys(("starts_at_ms", "ends_at_ms"), (False, COUNT)),
    },
    "marks": {
        **IN_ROOM,
        "mark": (
            True,
            ("word", "item_on", "item_off", "host_change", "lucky_bag", "coupon", "violation", "note"),
        ),
        "item_id": (False, ID),
        "title": (False, NAME),
        "stock": (False, COUNT),
        "price_fen": (False, COUNT),
    },
    "transcript": {**IN_ROOM, "text": (True, ("text", 0, 500)), "speaker": (False, NAME)},
}
ID_CHARACTERS = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-")
VALUE_BYTES_MAX = 65_536
DEPTH_MAX = 256
FUTURE_MS = 10_000


class Bad(Exception):  # noqa: N818 - an outcome
    """A dead letter; its only argument is the reason."""


def decode(feed, value, *, key, partition, partitions, append_ms):
    """Return the fields of a good record, absent ones left out; raise ``Bad(reason)``."""
    fields = read_object(value)
    table = FEEDS[feed]
    fields = {name: fields[name] for name in table if name in fields}
    fields = {name: given for name, given in fields.items() if given is not None or table[name][0]}
    if any(required and name not in fields for name, (required, _) in table.items()):
        raise Bad("missing_field")
    if not all(type_fits(given, *table[name][1]) for name, given in fields.items()):
        raise Bad("bad_type")
    if not all(value_fits(given, *table[name][1]) for name, given in fields.items()):
        raise Bad("bad_value")
    owner = fields["vendor" if feed == "vendors" else "room_id"]
    if key != owner.encode() or partition != kafka_partition(key, partitions):
        raise Bad("bad_key")
    if fields["at_ms"] > append_ms + FUTURE_MS:
        raise Bad("future")
    return fields


def read_object(value):
    """Return the JSON object that a value holds."""
    if value is not None and len(value) > VALUE_BYTES_MAX:
        raise Bad("too_large")
    try:
        text = value.decode("utf-8")
        if depth(text) > DEPTH_MAX:
            raise Bad("not_json")
        found = json.loads(text, parse_constant=refuse, parse_int=whole)
        json.dumps(found, ensure_ascii=False).encode("utf-8")  # half a surrogate pair cannot be written
    except (ValueError, AttributeError) as error:
        raise Bad("not_json") from error
    if not isinstance(found, dict):
        raise Bad("not_object")
    return found


def depth(text):
    """Return how deep arrays and objects nest."""
    deepest = level = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            level += 1
            deepest = max(deepest, level)
        elif character in "]}":
            level -= 1
    return deepest


def refuse(_constant):
    raise ValueError


def whole(digits):
    return int(digits) if len(digits) < 1_000 else float("inf") * (-1 if digits[0] == "-" else 1)


def type_fits(given, kind, *_bounds):
    if kind in ("id", "text", "word"):
        return isinstance(given, str)
    if kind == "texts":
        return isinstance(given, list) and all(isinstance(one, str) for one in given)
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        return False
    fraction = isinstance(given, float) and abs(given) != float("inf") and given != int(given)
    return kind == "number" or not fraction


def value_fits(given, kind, *bounds):
    if kind == "id":
        return 1 <= len(given) <= 64 and set(given) <= ID_CHARACTERS
    if kind == "word":
        return given in bounds
    if kind == "text":
        return bounds[0] <= len(given) <= bounds[1]
    if kind == "texts":
        return len(given) <= bounds[0] and all(len(one) <= bounds[1] for one in given)
    return bounds[0] <= given <= bounds[1]


def kafka_partition(key, partitions):
    """Return the partition of Kafka's Java client; a transcript of its ``Utils.murmur2``."""

    def times(a):
        return a * 0x5BD1E995 % 2**32

    digest = 0x9747B28C ^ len(key)
    while len(key) >= 4:
        k = times(key[0] | key[1] << 8 | key[2] << 16 | key[3] << 24)
        digest = times(digest) ^ times(k ^ k >> 24)
        key = key[4:]
    if len(key) >= 3:
        digest ^= key[2] << 16
    if len(key) >= 2:
        digest ^= key[1] << 8
    if len(key) >= 1:
        digest = times(digest ^ key[0])
    digest = times(digest ^ digest >> 13)
    return ((digest ^ digest >> 15) & 0x7FFFFFFF) % partitions
