"""What one event adds, for the recount; plainly, and without a line of the code under test."""

from __future__ import annotations

HOURS_24 = 86_400_000


def amounts(feed, event):
    """Return what an event adds, by name of group and cell."""
    if feed in ("danmaku", "transcript"):
        return {f"{feed}.count": 1}
    if feed == "likes":
        return {"likes.events": 1, "likes.count": event["count"]}
    if feed == "visits":
        found = {f"visits.{event['action']}": 1}
        if event["action"] == "leave" and event.get("dwell_ms") is not None:
            found |= dwell(min(event["dwell_ms"], HOURS_24))
        return found
    if feed == "orders":
        return order_amounts(event)
    found = {"pings": 1, "interval_ms": event["interval_ms"], "stall_ms": event.get("stall_ms") or 0}
    for name, cell, number, unit in (
        ("fps", "fps_milli", "fps_pings", 1_000),
        ("bitrate_kbps", "rate_bytes", "rate_pings", 125),
        ("rtt_ms", "rtt_us", "rtt_pings", 1_000),
        ("online", "online_sum", "online_pings", 1),
    ):
        if event.get(name) is not None:
            found[cell], found[number] = round(event[name] * unit), 1
    found["dropped_frames"] = event.get("dropped_frames") or 0
    return {f"health:{event['probe']}.{cell}": number for cell, number in found.items()} | load(event)


def load(event):
    found: dict[str, int] = {}
    if event.get("cpu_ratio") is not None:
        found |= {"load.cpu_pings": 1, "load.cpu_milli": round(event["cpu_ratio"] * 1_000)}
    if event.get("egress_kbps") is not None and event.get("egress_limit_kbps"):
        found["load.egress_kbps"] = round(event["egress_kbps"])
        found["load.egress_limit_kbps"] = round(event["egress_limit_kbps"])
    return found


def call(event):
    """Return what a call adds to its operation."""
    latency_ms = min(event["latency_ms"], HOURS_24)
    found = {f"vendors.{event['outcome']}": 1, "latency.us": round(latency_ms * 1_000)}
    for bound in ("0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10"):
        if latency_ms <= float(bound) * 1_000:
            return found | {f"latency.{bound}": 1}
    return found | {"latency.longer": 1}


def ping(event):
    """Return what is kept of a ping: probe, node, time within its ten seconds, interval, stall, offset."""
    offset = event.get("av_offset_ms")
    return (
        event["probe"],
        event["node"],
        event["at_ms"] % 10_000,
        event["interval_ms"],
        event.get("stall_ms") or 0,
        None if offset is None else round(offset * 10),
    )


def dwell(stayed_ms):
    found = {"dwell.ms": stayed_ms}
    for bound in (5, 15, 30, 60, 180, 300, 600, 1800, 3600):
        if stayed_ms <= bound * 1_000:
            return found | {f"dwell.{bound}": 1}
    return found | {"dwell.longer": 1}


def stays(feed, event):
    """Return the second and the name for who left: the first of the ten seconds in which they entered."""
    if feed != "visits" or event["action"] != "leave" or event.get("dwell_ms") is None:
        return []
    stayed_ms = min(event["dwell_ms"], HOURS_24)
    second = (event["at_ms"] - stayed_ms) // 10_000 * 10
    if stayed_ms <= 5_000:
        return [(second, "left.bounce")]
    for name, before_ms in (("30s", 30_000), ("1m", 60_000), ("3m", 180_000), ("10m", 600_000)):
        if stayed_ms < before_ms:
            return [(second, f"left.{name}")]
    return []


def order_amounts(event):
    status, fen = event["status"], event["amount_fen"]
    found = {status: 1}
    if status == "refunded":
        found["refund_fen"] = fen
    if status == "paid" and event.get("kind", "goods") == "gift":
        found["gift_fen"] = fen
    elif status == "paid":
        found |= {"paid_goods": 1, "gmv_fen": fen}
        found["coupon_fen"] = event.get("coupon_fen") or 0
        found["giveaway_fen"] = event.get("giveaway_fen") or 0
    return {f"orders.{cell}": number for cell, number in found.items()}


def people(feed, event):
    """Return the sets of people that an event's user joins."""
    if feed == "visits":
        sets = {"enter": "visitors", "click": "clickers", "follow": "followers", "share": "interacters"}
        return [sets[event["action"]]] if event["action"] in sets else []
    if feed == "likes":
        return ["interacters"]
    if feed == "danmaku":
        return ["writers", "interacters"]
    if feed == "orders" and event["status"] == "paid" and event.get("kind", "goods") == "goods":
        return ["payers"]
    return []
