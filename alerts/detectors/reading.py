"""What a condition is given and what it answers; shared by thresholds and detectors.

Pure: no clock, no I/O. A condition is asked for its *level* very often, so that is a small integer, and for a
*reading* with all numbers only when an alert changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from alerts.detectors.hits import Hit
from alerts.windows import RoomState

__all__ = ["BETWEEN", "CRITICAL", "INFO", "LEVELS", "OK", "WARNING", "Condition", "Reading", "Subject"]

OK: Final = 0
"""Within the recover bound."""
BETWEEN: Final = 1
"""Not beyond any bound, but not within the recover bound either."""
INFO: Final = 2
WARNING: Final = 3
CRITICAL: Final = 4
LEVELS: Final[tuple[tuple[str, int], ...]] = (("info", INFO), ("warning", WARNING), ("critical", CRITICAL))
"""Name and level of each severity, rising."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The numbers behind a level, in the unit of the condition's metric.

    Attributes:
        value: the figure; None where there is none.
        expected: what it should have been.
        threshold: the bound that it is held against.
        samples: how many events it rests on.
        confidence: 1 - p.
        window_s: length of the window it was taken over.
        newest_ms: append time of the newest event it may rest on; 0 when unknown.
        due_ms: when it became worth telling, where that is neither the newest event nor the end of `for`.
        reason: a word on the finding, for people who look closer.
        labels: labels of this finding, beside those of the condition: the item, the word group.
    """

    value: float | None = None
    expected: float | None = None
    threshold: float | None = None
    samples: int | None = None
    confidence: float | None = None
    window_s: int | None = None
    newest_ms: int = 0
    due_ms: int | None = None
    reason: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Subject:
    """A room, or a vendor's operation, as the rules stage holds it: last figures and what detectors remember.

    Attributes:
        key: the subject's name in alerts: the room id, or `vendor/operation`.
        room_id: None for a vendor.
        values: newest figures in the order of the catalogue; None = no data.
        newest_ms: append time of the newest event of each feed.
        tick_ms: tick at which it is being judged.
        reach_ms: reach of each feed of its partition at that tick.
        memory: condition id -> what the detector remembers, plain numbers and lists of bounded length.
        hits: newest hits of the word lists, oldest first.
    """

    key: str
    room_id: str | None
    session_ms: int | None = None
    state: RoomState = "live"
    facts: Mapping[str, Any] = field(default_factory=dict)
    values: list[Any] = field(default_factory=list)
    newest_ms: Mapping[str, int] = field(default_factory=dict)
    tick_ms: int = 0
    reach_ms: Mapping[str, int] = field(default_factory=dict)
    memory: dict[str, list[Any]] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)


class Condition(Protocol):
    """One entry of a rule's ``any``, with its bounds resolved for one subject.

    Attributes:
        id: stable name: what is looked at and where, without the bounds.
        metric: the metric it looks at, for units and names; None where there is none.
        labels: labels to add to the alert, such as the probe.
        step_ms: how often ``observe`` is called, milliseconds; 0 = it learns nothing.
    """

    @property
    def id(self) -> str:
        """Return the name."""

    @property
    def metric(self) -> str | None:
        """Return the metric."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Return the labels."""

    @property
    def step_ms(self) -> int:
        """Return the time between two steps."""

    def level(self, subject: Subject) -> int | None:
        """Return the level now; None when there is no data."""

    def total(self, subject: Subject) -> bool:
        """Return whether the breach is so complete that `for` need not be waited for."""

    def read(self, subject: Subject, level: int) -> Reading:
        """Return the numbers behind a level; called after ``level`` on the same subject and tick."""

    def observe(self, subject: Subject) -> None:
        """Learn from the subject at the close of a step's first tick; may change ``memory``."""
