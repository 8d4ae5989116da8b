"""Random histories of ``live.windows``: everything that can happen to the rooms and vendors of a partition.

Rooms are planned, live, paused, ended, begin anew with and without an end before; figures stall, spike, drop
and fall silent; facts change, so that overrides come and go; owners change, forget rooms, and old ones still
write.
"""

from __future__ import annotations

import random
from typing import Any, Final

import orjson

from stream.catalogue import COLUMNS_VERSION, ROOM_COLUMN_INDEX, ROOM_COLUMNS, VENDOR_COLUMNS
from stream.model import FEEDS

__all__ = ["RULES", "T0", "history"]

T0: Final = 1_760_025_000_000
"""Ten minutes before midnight in Shanghai."""
RULES: Final = """
rules:
  - name: stutter
    kind: stutter
    any:
      - {metric: live_stall_ratio, where: {probe: edge}, window: 10s, compare: ">",
         warning: 0.02, critical: 0.05, recover: 0.01, total: 1}
      - {metric: live_stall_ratio, where: {probe: ingest}, window: 10s, compare: ">",
         info: 0.01, warning: 0.02, critical: 0.05}
    for_s: 3
    keep_firing_s: 5
    min_samples: 3
    overrides:
      - {match: {category: beauty}, set: {live_stall_ratio.warning: 0.04, for_s: 6}}
      - {match: {room_id: r1}, set: {for_s: 0}}
  - name: av_desync
    kind: av_desync
    any:
      - {metric: live_av_offset_seconds, where: {probe: edge}, window: 10s, compare: outside,
         warning: [-0.125, 0.045], critical: [-0.185, 0.09], recover: [-0.1, 0.035], not_below_frame: true}
    for_s: 4
  - name: fps
    kind: fps_low
    any:
      - {metric: live_frames_per_second, where: {probe: ingest}, window: 10s, compare: "<",
         warning: 15, critical: 10}
    for_s: 2
  - name: feed_lost
    kind: feed_lost
    any:
      - {detector: silence, where: {probe: ingest}, params: {warning_s: 5, critical_s: 15}}
      - {detector: silence, where: {probe: edge}, params: {warning_s: 5, critical_s: 15}}
      - {detector: not_started, params: {late_s: 30}}
    keep_firing_s: 5
  - name: spike
    kind: traffic_spike
    any:
      - {detector: spike, metric: live_viewers,
         params: {min_excess: 10, ready_s: 20, step_s: 5, memory_s: 60}}
      - {detector: spike, metric: live_danmaku_per_second, window: 1m,
         params: {min_excess: 10, ready_s: 30, step_s: 10, memory_s: 60}}
    for_s: 3
    keep_firing_s: 5
  - name: surge
    kind: traffic_spike
    any:
      - {detector: surge, metric: live_viewers, params: {direction: spike, step_s: 5}}
    keep_firing_s: 5
  - name: sink
    kind: traffic_drop
    any:
      - {detector: surge, metric: live_viewers, params: {direction: drop, step_s: 5}}
    keep_firing_s: 5
  - name: bitrate
    kind: bitrate_low
    any:
      - {detector: own_median, metric: live_bytes_per_second, window: 10s, where: {probe: edge},
         params: {ready_s: 20, step_s: 5}}
    for_s: 2
  - name: drift
    kind: av_desync
    any:
      - {detector: drift, where: {probe: edge}, params: {noise: 1}}
  - name: stalls
    kind: stutter
    any:
      - {metric: live_stalls_per_100_seconds, where: {probe: edge}, window: 5m, compare: ">", warning: 3}
      - {metric: live_stall_ratio, where: {probe: player}, window: 10s, compare: ">",
         warning: 0.02, critical: 0.05}
  - name: complaints
    kind: viewer_complaints
    any:
      - {detector: complaints, params: {ready_s: 20, step_s: 5, warning: 2}}
  - name: retention
    kind: retention_drop
    any:
      - {detector: retention, params: {own_entered: 50, step_s: 5, false_alarm_h: 1}}
  - name: unpaid
    kind: payment_failure
    any:
      - {detector: pay_through, params: {own_orders: 20, step_s: 5}}
  - name: refunds
    kind: refund_surge
    any:
      - {detector: refunds, params: {least: 8}}
  - name: cheap
    kind: price_error
    any:
      - {detector: cheap_orders, params: {quiet_s: 20}}
  - name: sold_out
    kind: sold_out
    any:
      - {detector: sold_out}
  - name: words
    kind: prohibited_words
    any:
      - {detector: words, params: {window_s: 20}}
  - name: capacity
    kind: capacity_risk
    any:
      - {detector: forecast, params: {step_s: 5, memory_s: 40, ahead_s: 60}}
      - {metric: live_cpu_ratio, window: 1m, compare: ">", warning: 0.8, critical: 0.95}
  - name: conversion
    kind: conversion_drop
    any:
      - {detector: conversion, params: {false_alarm_h: 0.01, baseline_paid: 20, step_s: 5, baseline_s: 120,
         lag_median_s: 5, lag_p90_s: 15}}
    for_s: 5
    keep_firing_s: 5
    min_samples: 10
  - name: payment
    kind: payment_failure
    any:
      - {metric: live_payment_failure_ratio, window: 1m, compare: ">",
         warning: 0.05, critical: 0.2, recover: 0.03, lower_bound: 0.95}
    min_samples: 20
    keep_firing_s: 5
  - name: vendor_slow
    kind: vendor_slow
    any:
      - {metric: live_vendor_timeout_ratio, window: 1m, compare: ">",
         warning: 0.02, critical: 0.1, recover: 0.01}
    for_s: 2
    min_samples: 20
"""
_CATEGORIES: Final = ("beauty", "food", None)
_COUNTED: Final = ("clicks", "paid", "entered", "left", "cheap")
_PROBES: Final = ("ingest", "edge", "player")


def history(
    seed: int,
    *,
    ticks: int = 500,
    rooms: int = 4,
    partition: int = 0,
    trouble: float = 0.015,
    names: str = "r",
) -> list[bytes]:
    """Return a log; ``trouble`` is how likely each kind of it begins in a room at each telling."""
    dice = random.Random(seed)
    return _History(dice, [_Room(f"{names}{n}", dice, trouble) for n in range(rooms)], partition).play(ticks)


class _Room:
    """One room and how it fares."""

    def __init__(self, room_id: str, dice: random.Random, likely: float) -> None:
        self.room_id = room_id
        self._likely = likely
        self._dice = dice
        self.state: str | None = None
        self.session_ms: int | None = None
        self.facts: dict[str, Any] = {"title": f"房间 {room_id}", "category": dice.choice(_CATEGORIES)}
        self.newest_ms: dict[str, int] = {}
        self._trouble: dict[str, int] = {}
        self._counted = dict.fromkeys(_COUNTED, 0)
        self._pinged: dict[str, int] = {}
        self._interval_s = dice.choice((None, 1.0, 2.0, 5.0, 20.0))
        self.reason: str | None = None

    def move(self, tick_ms: int) -> None:
        """Maybe change the state."""
        dice = self._dice
        if self.state in (None, "ended"):
            if dice.random() < 0.08:
                self._announce(tick_ms) if dice.random() < 0.4 else self._begin(tick_ms)
        elif self.state == "planned":
            if dice.random() < 0.03:
                self._begin(tick_ms)
        elif dice.random() < 0.012:
            change = dice.choice(("ended", "paused", "live", "anew"))
            if change == "anew":
                self._begin(tick_ms)
            elif change == "ended":
                self.state, self.reason = "ended", dice.choice(("ended", "silent"))
            else:
                self.state = change
        if dice.random() < 0.02:
            self.facts = {
                **self.facts,
                "item_id": str(dice.randrange(5)),
                "item_stock": dice.choice((None, 0, 3)),
                "category": dice.choice(_CATEGORIES),
            }

    def _announce(self, tick_ms: int) -> None:
        self.state, self.session_ms, self.reason = "planned", None, None
        starts = self._dice.choice((None, tick_ms - 10_000, tick_ms + 20_000, tick_ms - 86_400_000 + 60_000))
        self.facts = {**self.facts, "starts_at_ms": starts} if starts else dict(self.facts)

    def _begin(self, tick_ms: int) -> None:
        self.state, self.reason = "live", None
        self.session_ms = tick_ms + self._dice.randrange(1_000)
        self._counted = dict.fromkeys(_COUNTED, 0)
        self._pinged, self._trouble = {}, {}

    def entry(self, now_ms: int) -> dict[str, Any]:
        """Return the room as it is told of."""
        self._suffer()
        values: list[Any] = [None] * len(ROOM_COLUMNS)
        if self.session_ms is not None and self.state != "planned":
            for name, value in self._figures(now_ms).items():
                if name in ROOM_COLUMN_INDEX:
                    values[ROOM_COLUMN_INDEX[name]] = value
        found: dict[str, Any] = {
            "room_id": self.room_id, "session_ms": self.session_ms, "state": self.state, "facts": self.facts,
            "values": values, "newest_ms": dict(self.newest_ms),
        }  # fmt: skip
        if self.state == "ended" and self.session_ms is not None:
            found["ended_reason"] = self.reason
        if self._likely and self._dice.random() < 0.03:
            found["hits"] = [self._hit() for _ in range(self._dice.randint(1, 5))]
        return found

    def _hit(self) -> dict[str, Any]:
        dice = self._dice
        source = dice.choice(("danmaku", "danmaku", "transcript", "room_title"))
        return {
            "group": dice.choice(("ad_law", "vulgar", "diversion", "picture", "question")),
            "severity": dice.choice(("info", "warning", "warning", "critical")),
            "source": source,
            "text": self.facts["title"] if source == "room_title" else f"句 {dice.randrange(99)}",
            "user": "u1", "topic": f"live.{source}", "partition": 0, "offset": dice.randrange(99),
        }  # fmt: skip

    def _suffer(self) -> None:
        dice = self._dice
        for name in ("stall", "total", "av", "fps", "silent", "crowd", "drop", "fail", "blind"):
            left = self._trouble.get(name, 0) - 1
            if left < 0 and dice.random() < self._likely:
                left = dice.randint(1, 40)
            self._trouble[name] = left

    def _has(self, name: str) -> bool:
        return self._trouble.get(name, 0) > 0

    def _figures(self, now_ms: int) -> dict[str, Any]:
        dice = self._dice
        found: dict[str, Any] = {"live_viewers": dice.randint(95, 105) * (6 if self._has("crowd") else 1)}
        for window in ("10s", "1m", "5m", "15m"):
            rate = dice.uniform(0.9, 1.1) * (8 if self._has("crowd") else 1)
            found[f'live_danmaku_per_second{{window="{window}"}}'] = rate
        for probe in _PROBES:
            found |= self._pings(probe, now_ms)
        return found | self._shop(now_ms) | self._more()

    def _more(self) -> dict[str, Any]:
        """Return what the detectors of single kinds look at."""
        dice, bad, counted = self._dice, self._has("drop"), self._counted
        entered = dice.randrange(12)
        counted["entered"] += entered
        counted["left"] += sum(dice.random() < (0.8 if bad else 0.3) for _ in range(entered))
        counted["cheap"] += bad and dice.random() < 0.5
        refunded = dice.randint(8, 15) if bad else dice.randrange(3)
        nodes = dice.randrange(6)
        return {
            'live_bytes_per_second{probe="edge",window="10s"}': 90_000 if self._has("fps") else 500_000,
            'live_av_drift_ratio{probe="edge",window="5m"}': dice.choice((0.01, -0.01))
            if self._has("av")
            else 0,
            'live_stalls_per_100_seconds{probe="edge",window="5m"}': 5 if self._has("stall") else 1,
            'live_stalled_nodes{probe="player",window="10s"}': nodes,
            'live_stalled_nodes_share{probe="player",window="10s"}': nodes / 20,
            'live_complaining_users{window="1m"}': dice.randint(3, 9)
            if self._has("stall")
            else dice.randrange(2),
            'live_retention_entered{after="1m",window="session"}': counted["entered"],
            'live_retention_left{after="1m",window="session"}': counted["left"] or None,
            'live_pay_through_ratio{window="5m"}': 0.1 if self._has("fail") else 0.8,
            'live_pay_through_orders{window="5m"}': dice.choice((5, 30)),
            'live_orders_in_window{status="refunded",window="15m"}': refunded,
            'live_orders_in_window{status="paid",window="15m"}': 60,
            'live_orders_total{status="refunded"}': refunded,
            "live_item_cheap_orders": {"i1": counted["cheap"]} if counted["cheap"] else {},
            'live_cpu_ratio{window="1m"}': dice.uniform(0.7, 1) if self._has("total") else 0.3,
            "live_capacity": 400,
        }

    def _pings(self, probe: str, now_ms: int) -> dict[str, Any]:
        dice = self._dice
        if not self._has("silent") or probe not in self._pinged:
            self._pinged[probe] = now_ms - dice.randrange(900)
            self.newest_ms["health"] = max(self.newest_ms.get("health", 0), self._pinged[probe])
        label = f'probe="{probe}"'
        found: dict[str, Any] = {
            f"live_ping_interval_seconds{{{label}}}": self._interval_s,
            f"live_ping_newest_timestamp_seconds{{{label}}}": self._pinged[probe] / 1000,
        }
        for window in ("10s", "1m", "5m", "15m"):
            stall = (
                dice.uniform(0.03, 0.12)
                if self._has("stall")
                else dice.uniform(0, 0.012 if self._likely else 0.005)
            )
            both = f'{{{label},window="{window}"}}'
            found[f"live_stall_ratio{both}"] = (
                None if self._has("blind") else 1.0 if self._has("total") else stall
            )
            found[f"live_av_offset_seconds{both}"] = dice.uniform(0.03, 0.2) if self._has("av") else 0.001
            found[f"live_frames_per_second{both}"] = dice.uniform(6, 14) if self._has("fps") else 25.0
            found[f"live_pings{both}"] = dice.choice((2, 5, 30))
        return found

    def _shop(self, now_ms: int) -> dict[str, Any]:
        dice, counted = self._dice, self._counted
        clicks = dice.randrange(8)
        counted["clicks"] += clicks
        share = 0.05 if self._has("drop") else 0.5
        counted["paid"] += sum(dice.random() < share for _ in range(clicks))
        if clicks:
            self.newest_ms["visits"] = self.newest_ms["orders"] = now_ms - dice.randrange(500)
        if dice.random() < 0.02:
            self.newest_ms["marks"] = now_ms
        failed, paid = (dice.randint(3, 15), 20) if self._has("fail") else (0, dice.randint(0, 40))
        return {
            "live_clicks_total": counted["clicks"],
            'live_orders_total{status="paid"}': counted["paid"],
            'live_clickers{window="5m"}': max(1, counted["clicks"] // 2),
            'live_payment_failure_ratio{window="1m"}': failed / (failed + paid) if failed + paid else None,
            'live_orders_in_window{status="paid",window="1m"}': paid,
            'live_orders_in_window{status="failed",window="1m"}': failed,
        }


class _History:
    def __init__(self, dice: random.Random, rooms: list[_Room], partition: int) -> None:
        self._dice = dice
        self._partition = partition
        self._rooms = rooms
        self._calls = {"charge": 0, "refund": 0}
        self._epoch, self._seq = 100, 0
        self._tick_ms = T0
        self._reach_ms: dict[str, int] = dict.fromkeys(FEEDS, T0)
        self._log: list[bytes] = []

    def play(self, ticks: int) -> list[bytes]:
        dice = self._dice
        for _ in range(ticks):
            self._tick_ms += 1_000 if dice.random() < 0.97 else dice.choice((2_000, 20_000, 0))
            if dice.random() < 0.01:
                self._change_owner()
            for room in self._rooms:
                room.move(self._tick_ms)
            self._tick()
        return self._log

    def _tick(self) -> None:
        dice = self._dice
        known = [room for room in self._rooms if room.state is not None]
        self._record([room for room in known if dice.random() < 0.85], last=True)
        for part in range(dice.randrange(5)):
            self._record([room for room in known if dice.random() < 0.3], last=False, part=part)
        if dice.random() < 0.03:
            self._log.append(dice.choice(self._log[-30:]))  # an owner that is none any more, or a repeat

    def _change_owner(self) -> None:
        if self._dice.random() < 0.3:
            self._tick_ms += 16 * 60_000
        self._epoch, self._seq = self._epoch + self._dice.randint(1, 9), 0
        for room in self._rooms:
            if room.state is not None and self._dice.random() < 0.9:
                self._record([room], last=False)

    def _record(self, rooms: list[_Room], *, last: bool, part: int = 0) -> None:
        dice = self._dice
        self._seq += 1
        now_ms = self._tick_ms + (0 if last else 150 + 150 * part)
        for feed in self._reach_ms:
            if dice.random() < 0.95:
                self._reach_ms[feed] = max(self._reach_ms[feed], now_ms - dice.randrange(120))
        record = {
            "v": 1, "partition": self._partition, "epoch": self._epoch, "seq": self._seq,
            "tick_ms": self._tick_ms, "reach_ms": dict(self._reach_ms), "columns": COLUMNS_VERSION,
            "records_1m": dice.randrange(9), "dead_1m": 0, "last": last,
            "rooms": [room.entry(now_ms) for room in rooms], "vendors": self._vendors(now_ms),
        }  # fmt: skip
        self._log.append(orjson.dumps(record))

    def _vendors(self, now_ms: int) -> list[dict[str, Any]]:
        dice = self._dice
        found = []
        for operation, left in self._calls.items():
            self._calls[operation] = left - 1 if left > 0 else dice.choice((0, 0, 0, 0, 0, 60, 90))
            if dice.random() < 0.1:
                slow = dice.uniform(0.03, 0.2) if left > 45 else 0.0
                values = dict.fromkeys((column.name for column in VENDOR_COLUMNS), 0.0)
                values['live_vendor_timeout_ratio{window="1m"}'] = slow
                values['live_vendor_calls{window="1m"}'] = 40
                found.append(
                    {
                        "vendor": "pay",
                        "operation": operation,
                        "values": list(values.values()),
                        "newest_ms": now_ms,
                    }
                )
        return found
