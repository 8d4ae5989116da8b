"""Who watches the watchers: from the heartbeats of the rules stage, is every partition's way short enough?

The *age* of a partition is the clock (append time of the newest record of ``live.transitions``) minus the
oldest of what its last heartbeat told: the newest tick, the reach of each feed. One figure sees all three
faults: a feed that is read late (old reach), an ingest that stands (old tick), and a rules worker that is
silent (what it told grows old by itself). Beside the age, the *dead share* is judged: how many of the
partition's records of the last minute were dead letters.

A restart or a rebalance must not cry wolf: a figure has to stay bad for the rule's `for` as *observed*,
and when the log itself was silent (the whole engine was away) the partitions get ``GRACE_MS``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from alerts.detectors.monitor import Limits
from alerts.model import Change, Heartbeat, Severity, Text, Transition

__all__ = ["GRACE_MS", "RULE", "SILENT_MS", "Pulse", "age_ms", "judge"]

RULE: Final = "monitor_degraded"
DEAD_MIN: Final = 5
"""Fewer dead letters in a minute are no share to speak of, however quiet the feeds are."""
SILENT_MS: Final = 5_000
"""A part of the way that has told nothing for so long is named as the culprit, and a log that was silent
for so long gets ``GRACE_MS``."""
GRACE_MS: Final = 20_000
"""Time to catch up after the log was silent."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The open episode of a partition: its start, epoch milliseconds, and its severity."""

    started_at_ms: int
    severity: Severity


@dataclass(frozen=True, slots=True)
class Pulse:
    """What is known of a partition, all instants in epoch milliseconds.

    Attributes:
        epoch: highest epoch of its rules worker.
        position: of its newest transition.
        beat_ms: append time of its newest heartbeat; before the first, of the log's first record.
        tick_ms: newest tick told; before the first, as ``beat_ms``.
        reach_ms: reach per feed as last told.
        records_1m: records of the last minute, as last told.
        dead_1m: how many of them were dead letters.
        bad_ms: since when it is bad, None while it is good.
        good_ms: since when it is good while an episode is open.
        episode: the open one.
    """

    epoch: int = 0
    position: tuple[int, int] = (-1, -1)
    beat_ms: int = 0
    tick_ms: int = 0
    reach_ms: dict[str, int] = field(default_factory=dict)
    bad_ms: int | None = None
    good_ms: int | None = None
    episode: Opened | None = None
    records_1m: int = 0
    dead_1m: int = 0

    def beat(self, heartbeat: Heartbeat, append_ms: int) -> Pulse:
        """Return the pulse with a heartbeat taken in; a tick never falls."""
        return replace(
            self,
            beat_ms=append_ms,
            tick_ms=max(self.tick_ms, heartbeat.tick_ms),
            reach_ms=heartbeat.reach_ms,
            records_1m=heartbeat.records_1m,
            dead_1m=heartbeat.dead_1m,
        )


def age_ms(pulse: Pulse, now_ms: int) -> int:
    """Return how old the oldest thing is that the partition's figures rest on, 0 or more."""
    return max(0, now_ms - min(pulse.tick_ms, *pulse.reach_ms.values(), pulse.beat_ms))


def judge(
    pulse: Pulse, partition: int, *, limits: Limits, now_ms: int, grace: bool, offset: int
) -> tuple[Pulse, Transition | None]:
    """Judge one partition at the time of a record.

    Args:
        pulse: what is known of it.
        partition: its number.
        limits: those in force.
        now_ms: the stage's clock.
        grace: the log was silent a short while ago, so that no new episode may begin.
        offset: of the record that set the clock.

    Returns:
        The pulse after it, and what changed, if anything.
    """
    trouble = _trouble(pulse, limits, now_ms)
    if pulse.episode is None:
        pulse, to = _maybe_open(pulse, trouble, now_ms, for_ms=limits.for_ms, grace=grace)
    else:
        pulse, to = _maybe_move(pulse, pulse.episode, trouble, now_ms, keep_ms=limits.keep_ms)
    if to is None or pulse.episode is None:
        return pulse, None
    told = _told(pulse, pulse.episode, partition, to, limits, trouble=trouble, now_ms=now_ms, offset=offset)
    if to == "resolved":
        pulse = replace(pulse, bad_ms=None, good_ms=None, episode=None)
    return pulse, told


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What is wrong with a partition, and how it is told."""

    severity: Severity
    value: float
    threshold: float
    samples: int | None
    zh: str
    en: str


def _trouble(pulse: Pulse, limits: Limits, now_ms: int) -> _Trouble | None:
    """Return the worst that is wrong; old figures are worse than bad records."""
    age = age_ms(pulse, now_ms)
    if age > limits.warning_ms:
        severity: Severity = "critical" if age > limits.critical_ms else "warning"
        bound_s = (limits.critical_ms if severity == "critical" else limits.warning_ms) / 1_000
        return _Trouble(severity, age / 1_000, bound_s, None, *_late(pulse, age, bound_s, now_ms))
    share = pulse.dead_1m / pulse.records_1m if pulse.records_1m else 0.0
    if share > limits.dead_ratio and pulse.dead_1m >= DEAD_MIN:
        told = _dead(pulse, share, limits.dead_ratio)
        return _Trouble("warning", share, limits.dead_ratio, pulse.records_1m, *told)
    return None


def _maybe_open(
    pulse: Pulse, trouble: _Trouble | None, now_ms: int, *, for_ms: int, grace: bool
) -> tuple[Pulse, Change | None]:
    if trouble is None or grace:
        return replace(pulse, bad_ms=None), None
    since = now_ms if pulse.bad_ms is None else pulse.bad_ms
    if now_ms - since < for_ms:
        return replace(pulse, bad_ms=since), None
    return replace(pulse, bad_ms=since, episode=Opened(since // 1_000 * 1_000, trouble.severity)), "firing"


def _maybe_move(
    pulse: Pulse, episode: Opened, trouble: _Trouble | None, now_ms: int, *, keep_ms: int
) -> tuple[Pulse, Change | None]:
    if trouble is None:
        since = now_ms if pulse.good_ms is None else pulse.good_ms
        return replace(pulse, good_ms=since), "resolved" if now_ms - since >= keep_ms else None
    if trouble.severity == "critical" and episode.severity == "warning":
        return replace(pulse, good_ms=None, episode=replace(episode, severity="critical")), "severity"
    return replace(pulse, good_ms=None), None


def _told(
    pulse: Pulse,
    episode: Opened,
    partition: int,
    to: Change,
    limits: Limits,
    *,
    trouble: _Trouble | None,
    now_ms: int,
    offset: int,
) -> Transition:
    return Transition(
        partition=partition,
        epoch=0,
        position=(offset, partition),
        to=to,
        rule=RULE,
        rule_version=limits.version,
        kind=RULE,
        subject=f"partition-{partition}",
        room_id=None,
        severity=episode.severity,
        tick_ms=now_ms // 1_000 * 1_000,
        started_at_ms=episode.started_at_ms,
        due_ms=now_ms if pulse.bad_ms is None else pulse.bad_ms + limits.for_ms,
        value=trouble.value if trouble else age_ms(pulse, now_ms) / 1_000,
        expected=None,
        threshold=trouble.threshold if trouble else limits.warning_ms / 1_000,
        samples=trouble.samples if trouble else None,
        confidence=None,
        window_s=60 if trouble and trouble.samples else None,
        labels={"partition": str(partition)},
        summary=_summary(pulse, partition, trouble, now_ms),
        advice=_ADVICE,
        contributions=[],
        runbook_url="/runbooks/monitor_degraded",
        evidence=[],
        reason="recovered" if to == "resolved" else None,
    )


_ADVICE: Final = Text(
    zh="检查 ingest 与 engine 进程、Kafka 与存储；坏数据请看死信主题中的原因并联系上游。"
    "恢复前该分区的直播间可能漏报或晚报。",
    en="Check the ingest and engine processes, Kafka and the store; for bad records see the reasons in the"
    " dead-letter topic and tell their producer. Until it recovers, alerts of this partition's rooms may be"
    " late or missing.",
)


def _summary(pulse: Pulse, partition: int, trouble: _Trouble | None, now_ms: int) -> Text:
    if trouble is None:
        seconds = f"{age_ms(pulse, now_ms) / 1_000:.1f}"
        return Text(
            zh=f"分区 {partition} 的监控恢复正常，数据延迟 {seconds} 秒。",
            en=f"Monitoring of partition {partition} is back to normal, {seconds} s behind.",
        )
    return Text(
        zh=f"分区 {partition} 的监控{trouble.zh}。", en=f"Monitoring of partition {partition} {trouble.en}."
    )


def _late(pulse: Pulse, age: int, bound_s: float, now_ms: int) -> tuple[str, str]:
    zh, en = _culprit(pulse, now_ms)
    seconds = f"{age / 1_000:.1f}"
    return (
        f"落后 {seconds} 秒（上限 {bound_s:.0f} 秒）：{zh}",
        f"is {seconds} s behind (limit {bound_s:.0f} s): {en}",
    )


def _dead(pulse: Pulse, share: float, limit: float) -> tuple[str, str]:
    dead, records = pulse.dead_1m, pulse.records_1m
    return (
        f"收到大量坏数据：近 1 分钟 {records} 条记录中 {dead} 条为死信（{share:.1%}，上限 {limit:.0%}）",
        (
            f"gets bad records: {dead} of {records} in the last minute are dead letters"
            f" ({share:.1%}, limit {limit:.0%})"
        ),
    )


def _culprit(pulse: Pulse, now_ms: int) -> tuple[str, str]:
    if now_ms - pulse.beat_ms > SILENT_MS:
        return "规则阶段没有心跳", "no heartbeat of the rules stage"
    if now_ms - pulse.tick_ms > SILENT_MS:
        return "ingest 没有新的统计", "no new figures from ingest"
    feed = min(pulse.reach_ms, key=lambda name: (pulse.reach_ms[name], name))
    return f"数据流 {feed} 读取过慢", f"feed {feed} is read late"
