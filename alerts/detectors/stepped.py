"""What detectors share that decide at the close of a step and hold their answer until the next one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import Field

from alerts.detectors.reading import Subject

__all__ = ["Multiple", "Number", "Seconds", "Share", "Stepped", "newest_ms"]

Seconds = Annotated[float, Field(ge=1, le=7_200, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Multiple = Annotated[float, Field(gt=1, le=1_000, allow_inf_nan=False)]
Number = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
_LEVEL_AT: Final = 0
"""Place of the level in what such a detector remembers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """A condition whose level changes at its steps only: the first entry of its memory."""

    id: str
    metric: str | None
    step_ms: int
    labels: Mapping[str, str] = field(default_factory=dict)

    def level(self, subject: Subject) -> int | None:
        """Return the level as of the last step; None while nothing can be said."""
        kept = subject.memory.get(self.id)
        return None if kept is None else kept[_LEVEL_AT]

    def total(self, subject: Subject) -> bool:  # noqa: ARG002 - the steps are the wait
        """Return False."""
        return False


def newest_ms(subject: Subject, feeds: Iterable[str]) -> int:
    """Return the append time of the newest event of these feeds, epoch milliseconds; 0 when unknown."""
    return max((subject.newest_ms.get(feed, 0) for feed in feeds), default=0)
