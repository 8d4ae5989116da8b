"""What a rule set must know of a detector to check a condition and to build it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from alerts.detectors.reading import Condition

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["DetectorType", "Params"]


class Params(BaseModel):
    """Base of a detector's parameters: checked as strictly as the rest of the set.

    Attributes:
        RISING: names of parameters that must rise in this order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    RISING: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for lower, higher in pairwise(self.RISING):
            if getattr(self, lower) > getattr(self, higher):
                raise ValueError(f"{lower} not above {higher}")
        return self


@dataclass(frozen=True, slots=True)
class DetectorType:
    """A detector as a rule set sees it.

    Attributes:
        params: its parameters with their bounds and defaults; ``warning*`` and ``critical*`` that rise
            together are checked against each other.
        scope: whom it watches.
        build: makes the condition of a checked entry of a rule.
        metrics: metrics that it can be put on, with the windows of each; empty when it chooses its figures.
        reads: further metrics whose figures it reads.
        where: labels that ``where`` must name, with what each may be.
        counts_samples: it heeds the rule's ``min_samples``.
        planned: it also judges rooms that have not begun.
    """

    params: type[Params]
    scope: Literal["room", "vendor", "monitor"]
    build: Callable[[DetectorCondition, Rule], Condition]
    metrics: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    counts_samples: bool = False
    planned: bool = False
