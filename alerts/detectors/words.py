"""``words``: prohibited words were said, written or shown. Pure; it looks at the hits that the fold keeps.

One hit of a critical entry is told at once, three a minute of a group of warning entries. A hit counts for a
minute; one in a title as long as the title stands. Advertising law binds who advertises, so its group is not
looked for in chat (``stream.words.groups`` says where each group is).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.hits import Hit
from alerts.detectors.reading import BETWEEN, CRITICAL, OK, WARNING, Reading, Subject
from alerts.detectors.stepped import Seconds, newest_ms
from stream.words.groups import PROHIBITED

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["WORDS", "Words", "WordsParams", "standing_hits"]

_METRIC: Final = "live_prohibited_total"
_TITLES: Final = {"room_title": "title", "item_title": "item_title"}
"""Source of a hit in a title -> the fact that holds the title."""
_FEEDS: Final = {
    "danmaku": "danmaku",
    "transcript": "transcript",
    "room_title": "rooms",
    "item_title": "marks",
}


class WordsParams(Params):
    """``grave_hits`` hits of critical entries or ``hits`` of a group's warning entries in ``window_s``."""

    hits: Annotated[int, Field(ge=1, le=20)] = 3
    grave_hits: Annotated[int, Field(ge=1, le=20)] = 1
    window_s: Seconds = 60


@dataclass(frozen=True, slots=True)
class Words:
    """The prohibited groups of a room."""

    id: str
    params: WordsParams
    metric: str = _METRIC
    labels: Mapping[str, str] = field(default_factory=dict)
    step_ms: int = 0

    def level(self, subject: Subject) -> int | None:
        """Return the level now."""
        if not subject.hits:
            return OK
        found = standing_hits(subject, self.params.window_s)
        if not found:
            return OK
        if sum(hit.severity == "critical" for hit in found) >= self.params.grave_hits:
            return CRITICAL
        return WARNING if max(_by_group(found).values(), default=0) >= self.params.hits else BETWEEN

    def total(self, subject: Subject) -> bool:  # noqa: ARG002 - there is nothing to wait for
        """Return False."""
        return False

    def read(self, subject: Subject, level: int) -> Reading:
        """Return the hits of the worst group, and name group and source."""
        found = standing_hits(subject, self.params.window_s)
        graves = [hit for hit in found if hit.severity == "critical"]
        worst: Hit | None
        if level == CRITICAL and graves:
            value, worst, bound = len(graves), graves[-1], self.params.grave_hits
        else:
            group, value = max(_by_group(found).items(), key=lambda entry: entry[1], default=("", 0))
            worst = next((hit for hit in reversed(found) if hit.group == group), None)
            bound = self.params.hits
        return Reading(
            value=value,
            threshold=bound,
            samples=len(found),
            window_s=round(self.params.window_s),
            newest_ms=newest_ms(subject, (_FEEDS[worst.source],) if worst else ()),
            labels={"group": worst.group, "source": worst.source} if worst else {},
        )

    def observe(self, subject: Subject) -> None:
        """Learn nothing."""


def standing_hits(subject: Subject, window_s: float) -> list[Hit]:
    """Return the prohibited hits that count now, oldest first."""
    since_ms = subject.tick_ms - round(1000 * window_s)
    return [
        hit
        for hit in subject.hits
        if hit.group in PROHIBITED
        and hit.severity != "info"
        and not (hit.group == "ad_law" and hit.source == "danmaku")
        and (
            subject.facts.get(_TITLES[hit.source]) == hit.text
            if hit.source in _TITLES
            else hit.at_ms > since_ms
        )
    ]


def _by_group(hits: list[Hit]) -> Counter[str]:
    return Counter(hit.group for hit in hits)


def _build(condition: DetectorCondition, rule: Rule) -> Words:
    return Words(id=f"{rule.name}/words", params=WordsParams.model_validate(condition.params))


WORDS: Final = DetectorType(params=WordsParams, scope="room", build=_build)
