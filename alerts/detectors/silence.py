"""``silence``: the pings of a probe have stopped, by the reach of their feed.

Pure and without memory. Both ends of the silence are append times, so a reader that lags sees no silence; and
while the reach itself is old, the answer is "no data": that is the monitor's fault, not the room's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import CRITICAL, OK, WARNING, Reading, Subject
from stream.catalogue import ROOM_COLUMN_INDEX, column
from stream.model import PROBES

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["FEED", "SILENCE", "Silence", "SilenceParams"]

_NEWEST: Final = "live_ping_newest_timestamp_seconds"
_INTERVAL: Final = "live_ping_interval_seconds"
_PINGS: Final = "live_pings"
_FIRST_MS: Final = 60_000
"""A first ping may tell of the moment since the start only: its interval waits for another one."""
_KNOWN: Final = 2
_SLOW_S: Final = 20.0
"""Ping interval that is assumed then, seconds."""
FEED: Final = "health"
"""The feed that pings come on."""
_Seconds = Annotated[float, Field(gt=0, le=3_600, allow_inf_nan=False)]
_Intervals = Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)]


class SilenceParams(Params):
    """Limits of the silence: the longer of a time and a number of ping intervals.

    Attributes:
        degraded_s: a reach older than this against the tick means that the partition itself is behind.
    """

    warning_s: _Seconds = 5
    critical_s: _Seconds = 15
    warning_intervals: _Intervals = 3
    critical_intervals: _Intervals = 9
    degraded_s: _Seconds = 5


@dataclass(frozen=True, slots=True)
class Silence:
    """The pings of one probe of a live room that has pinged in this session."""

    id: str
    labels: Mapping[str, str]
    params: SilenceParams
    newest_at: int
    interval_at: int
    pings_at: int
    metric: str | None = None
    step_ms: int = 0

    def level(self, subject: Subject) -> int | None:
        """Return the level of the silence now; None while nothing can be said."""
        silent_ms = self._silent_ms(subject)
        if silent_ms is None:
            return None
        if silent_ms < self.params.warning_s * 1000:
            return OK
        warning_ms, critical_ms = self._limits_ms(subject)
        if silent_ms >= critical_ms:
            return CRITICAL
        return WARNING if silent_ms >= warning_ms else OK

    def total(self, subject: Subject) -> bool:  # noqa: ARG002 - the limit is the whole wait
        """Return False."""
        return False

    def read(self, subject: Subject, level: int) -> Reading:
        """Return the silence in seconds, the limit, and when the limit was reached."""
        silent_ms = self._silent_ms(subject)
        limit_ms = self._limits_ms(subject)[level == CRITICAL]
        newest_ms = self._newest_ms(subject) or 0
        return Reading(
            value=None if silent_ms is None else silent_ms / 1000,
            threshold=limit_ms / 1000,
            newest_ms=newest_ms,
            due_ms=newest_ms + limit_ms if level >= WARNING else None,
        )

    def observe(self, subject: Subject) -> None:
        """Learn nothing."""

    def limits_ms(self, subject: Subject) -> tuple[int, ...]:
        """Return the reaches of the feed at which the level changes if no ping comes; empty for none."""
        newest_ms = self._newest_ms(subject)
        if subject.state != "live" or newest_ms is None:
            return ()
        return tuple(newest_ms + limit_ms for limit_ms in self._limits_ms(subject))

    def next_ms(self, subject: Subject, reach_ms: int) -> int | None:
        """Return a reach after this one before which no limit is reached if no ping comes; None for never."""
        newest_s = subject.values[self.newest_at]
        if newest_s is None:
            return None
        if (earliest_ms := int(newest_s * 1000 + self.params.warning_s * 1000)) > reach_ms:
            return earliest_ms
        return min((limit_ms for limit_ms in self.limits_ms(subject) if limit_ms > reach_ms), default=None)

    def _silent_ms(self, subject: Subject) -> int | None:
        reach_ms = subject.reach_ms.get(FEED)
        if subject.state != "live" or reach_ms is None:
            return None
        if subject.tick_ms - reach_ms > self.params.degraded_s * 1000:
            return None
        newest_ms = self._newest_ms(subject)
        return None if newest_ms is None else max(0, reach_ms - newest_ms)

    def _newest_ms(self, subject: Subject) -> int | None:
        newest_s = subject.values[self.newest_at]
        return None if newest_s is None else round(newest_s * 1000)

    def _limits_ms(self, subject: Subject) -> tuple[int, int]:
        params, interval_s = self.params, subject.values[self.interval_at] or 0
        if self._is_first(subject):
            interval_s = max(interval_s, _SLOW_S)
        return (
            round(1000 * max(params.warning_s, params.warning_intervals * interval_s)),
            round(1000 * max(params.critical_s, params.critical_intervals * interval_s)),
        )

    def _is_first(self, subject: Subject) -> bool:
        """Tell whether the newest ping may be the only one of a session that has just begun."""
        newest_ms = self._newest_ms(subject)
        if subject.session_ms is None or newest_ms is None or newest_ms - subject.session_ms >= _FIRST_MS:
            return False
        pings = subject.values[self.pings_at]
        return pings is not None and pings < _KNOWN


def _build(condition: DetectorCondition, rule: Rule) -> Silence:
    probe = condition.where["probe"]
    return Silence(
        id=f"{rule.name}/silence/{probe}",
        labels={"probe": probe},
        params=SilenceParams.model_validate(condition.params),
        newest_at=ROOM_COLUMN_INDEX[column(_NEWEST, label_value=probe).name],
        interval_at=ROOM_COLUMN_INDEX[column(_INTERVAL, label_value=probe).name],
        pings_at=ROOM_COLUMN_INDEX[column(_PINGS, label_value=probe, window="5m").name],
    )


SILENCE: Final = DetectorType(
    params=SilenceParams,
    scope="room",
    build=_build,
    reads=(_NEWEST, _INTERVAL, _PINGS),
    where={"probe": PROBES},
)
