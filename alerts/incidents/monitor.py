"""Who watches the watchers: from the heartbeats of the rules stage, is every partition's way short enough?

The *age* of a partition is the clock (append time of the newest record of ``live.transitions``) minus the
oldest of what its last heartbeat told: the newest tick, the reach of each feed. One figure sees all three
faults: a feed that is read late (old reach), an ingest that stands (old tick), and a rules worker that is
silent (what it told grows old by itself).

A restart or a rebalance must not cry wolf: an age has to stay bad for ``FOR_MS`` as *observed*, and when the
log itself was silent (the whole engine was away) the partitions get ``GRACE_MS`` to catch up.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from alerts.model import Change, Heartbeat, Severity, Text, Transition

__all__ = ["CRITICAL_MS", "FOR_MS", "GRACE_MS", "KEEP_MS", "RULE", "WARNING_MS", "Pulse", "age_ms", "judge"]

RULE: Final = "monitor_degraded"
WARNING_MS: Final = 5_000
CRITICAL_MS: Final = 15_000
"""Ages, from the table of default rules."""
FOR_MS: Final = 5_000
"""How long an age must be bad: a killed ingest or engine is replaced within 10 s (session time-out 6 s)."""
KEEP_MS: Final = 10_000
"""How long it must be good again before the episode ends."""
GRACE_MS: Final = 20_000
"""Time to catch up after the log was silent for longer than ``WARNING_MS``."""


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
        bad_ms: since when its age is bad, None while it is good.
        good_ms: since when its age is good while an episode is open.
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

    def beat(self, heartbeat: Heartbeat, append_ms: int) -> Pulse:
        """Return the pulse with a heartbeat taken in; a tick never falls."""
        return replace(
            self,
            beat_ms=append_ms,
            tick_ms=max(self.tick_ms, heartbeat.tick_ms),
            reach_ms=heartbeat.reach_ms,
        )


def age_ms(pulse: Pulse, now_ms: int) -> int:
    """Return how old the oldest thing is that the partition's figures rest on, 0 or more."""
    return max(0, now_ms - min(pulse.tick_ms, *pulse.reach_ms.values(), pulse.beat_ms))


def judge(
    pulse: Pulse, partition: int, *, now_ms: int, grace: bool, offset: int
) -> tuple[Pulse, Transition | None]:
    """Judge one partition at the time of a record.

    Args:
        pulse: what is known of it.
        partition: its number.
        now_ms: the stage's clock.
        grace: the log was silent a short while ago, so that no new episode may begin.
        offset: of the record that set the clock.

    Returns:
        The pulse after it, and what changed, if anything.
    """
    age = age_ms(pulse, now_ms)
    if pulse.episode is None:
        pulse, to = _maybe_open(pulse, age, now_ms, grace=grace)
    else:
        pulse, to = _maybe_move(pulse, pulse.episode, age, now_ms)
    if to is None or pulse.episode is None:
        return pulse, None
    told = _told(pulse, pulse.episode, partition, to, age=age, now_ms=now_ms, offset=offset)
    if to == "resolved":
        pulse = replace(pulse, bad_ms=None, good_ms=None, episode=None)
    return pulse, told


def _maybe_open(pulse: Pulse, age: int, now_ms: int, *, grace: bool) -> tuple[Pulse, Change | None]:
    if age <= WARNING_MS or grace:
        return replace(pulse, bad_ms=None), None
    since = now_ms if pulse.bad_ms is None else pulse.bad_ms
    if now_ms - since < FOR_MS:
        return replace(pulse, bad_ms=since), None
    return replace(pulse, bad_ms=since, episode=Opened(since // 1_000 * 1_000, _severity(age))), "firing"


def _maybe_move(pulse: Pulse, episode: Opened, age: int, now_ms: int) -> tuple[Pulse, Change | None]:
    if age <= WARNING_MS:
        since = now_ms if pulse.good_ms is None else pulse.good_ms
        return replace(pulse, good_ms=since), "resolved" if now_ms - since >= KEEP_MS else None
    if _severity(age) == "critical" and episode.severity == "warning":
        return replace(pulse, good_ms=None, episode=replace(episode, severity="critical")), "severity"
    return replace(pulse, good_ms=None), None


def _severity(age: int) -> Severity:
    return "critical" if age > CRITICAL_MS else "warning"


def _told(
    pulse: Pulse, episode: Opened, partition: int, to: Change, *, age: int, now_ms: int, offset: int
) -> Transition:
    bound_ms = CRITICAL_MS if episode.severity == "critical" else WARNING_MS
    return Transition(
        partition=partition,
        epoch=0,
        position=(offset, partition),
        to=to,
        rule=RULE,
        rule_version=0,
        kind=RULE,
        subject=f"partition-{partition}",
        room_id=None,
        severity=episode.severity,
        tick_ms=now_ms // 1_000 * 1_000,
        started_at_ms=episode.started_at_ms,
        due_ms=now_ms if pulse.bad_ms is None else pulse.bad_ms + FOR_MS,
        value=age / 1_000,
        expected=None,
        threshold=bound_ms / 1_000,
        samples=None,
        confidence=None,
        window_s=None,
        labels={"partition": str(partition)},
        summary=_summary(pulse, partition, to, age=age, bound_ms=bound_ms, now_ms=now_ms),
        advice=_ADVICE,
        contributions=[],
        runbook_url="/runbooks/monitor_degraded",
        evidence=[],
        reason="recovered" if to == "resolved" else None,
    )


_ADVICE: Final = Text(
    zh="检查 ingest 与 engine 进程、Kafka 与存储；恢复前该分区的直播间可能漏报或晚报。",
    en="Check the ingest and engine processes, Kafka and the store; until it recovers, alerts of this"
    " partition's rooms may be late or missing.",
)


def _summary(pulse: Pulse, partition: int, to: Change, *, age: int, bound_ms: int, now_ms: int) -> Text:
    seconds, bound = f"{age / 1_000:.1f}", f"{bound_ms // 1_000}"
    if to == "resolved":
        return Text(
            zh=f"分区 {partition} 的监控恢复正常，数据延迟 {seconds} 秒。",
            en=f"Monitoring of partition {partition} is back to normal, {seconds} s behind.",
        )
    zh, en = _culprit(pulse, now_ms)
    return Text(
        zh=f"分区 {partition} 的监控落后 {seconds} 秒（上限 {bound} 秒）：{zh}。",
        en=f"Monitoring of partition {partition} is {seconds} s behind (limit {bound} s): {en}.",
    )


def _culprit(pulse: Pulse, now_ms: int) -> tuple[str, str]:
    if now_ms - pulse.beat_ms > WARNING_MS:
        return "规则阶段没有心跳", "no heartbeat of the rules stage"
    if now_ms - pulse.tick_ms > WARNING_MS:
        return "ingest 没有新的统计", "no new figures from ingest"
    feed = min(pulse.reach_ms, key=lambda name: (pulse.reach_ms[name], name))
    return f"数据流 {feed} 读取过慢", f"feed {feed} is read late"
