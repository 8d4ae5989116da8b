"""What a rule set must know of a detector to check a condition and to build it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from alerts.detectors.reading import Condition

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["DetectorType", "Params"]


class Params(BaseModel):
    """Base of a detector's parameters: checked as strictly as the rest of the set."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True)
class DetectorType:
    """A detector as a rule set sees it.

    Attributes:
        params: its parameters with their bounds and defaults.
        scope: whom it watches.
        metrics: metrics it can be put on; empty when it chooses its figures itself.
        reads: further metrics whose figures it reads.
        probes: whether ``where`` must name a probe.
        build: makes the condition of a checked entry; the rule gives its name and least samples.
    """

    params: type[Params]
    scope: Literal["room", "vendor", "monitor"]
    build: Callable[[DetectorCondition, Rule], Condition]
    metrics: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    probes: bool = False
