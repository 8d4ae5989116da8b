"""``not_started``: a planned room is not live although its time has come. Pure and without memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import OK, WARNING, Reading, Subject

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["NOT_STARTED", "NotStarted", "NotStartedParams"]


class NotStartedParams(Params):
    """``late_s``: how long after ``starts_at_ms`` a room may still be planned."""

    late_s: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] = 300


@dataclass(frozen=True, slots=True)
class NotStarted:
    """A room that should be live by now."""

    id: str
    params: NotStartedParams
    labels: Mapping[str, str] = field(default_factory=dict)
    metric: str | None = None
    step_ms: int = 0

    def level(self, subject: Subject) -> int | None:
        """Return WARNING for a planned room that is late; None for one without a time."""
        if subject.state != "planned":
            return OK
        late_s = _late_s(subject)
        if late_s is None:
            return None
        return WARNING if late_s >= self.params.late_s else OK

    def total(self, subject: Subject) -> bool:  # noqa: ARG002 - the limit is the whole wait
        """Return False."""
        return False

    def read(self, subject: Subject, level: int) -> Reading:
        """Return how late it is, seconds, and when that was too late."""
        due_ms = (subject.facts.get("starts_at_ms") or 0) + round(self.params.late_s * 1000)
        return Reading(
            value=_late_s(subject),
            threshold=self.params.late_s,
            due_ms=due_ms if level >= WARNING else None,
            reason="not_started",
        )

    def observe(self, subject: Subject) -> None:
        """Learn nothing."""


def _late_s(subject: Subject) -> float | None:
    starts_at_ms = subject.facts.get("starts_at_ms")
    return None if not isinstance(starts_at_ms, int) else (subject.tick_ms - starts_at_ms) / 1000


def _build(condition: DetectorCondition, rule: Rule) -> NotStarted:
    return NotStarted(id=f"{rule.name}/not_started", params=NotStartedParams.model_validate(condition.params))


NOT_STARTED: Final = DetectorType(params=NotStartedParams, scope="room", build=_build, planned=True)
