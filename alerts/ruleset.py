"""A rule set: its format (contract, section 7), its values, and which of its overrides hold for a subject.

The text is checked whole by ``alerts.rulecheck``; what comes out of its ``load`` is right and frozen. Does no
I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from alerts.model import ActionName, Kind, Severity

__all__ = [
    "MATCH_KEYS",
    "RULE_KEYS",
    "Action",
    "Bound",
    "DetectorCondition",
    "Escalation",
    "Grouping",
    "Inhibition",
    "Label",
    "Matcher",
    "MetricCondition",
    "Override",
    "Rule",
    "RuleSet",
    "Sentence",
    "apply_overrides",
    "matching_overrides",
]

RULE_KEYS: Final = ("for_s", "keep_firing_s", "min_samples", "summary", "advice", "runbook_url", "action")
"""Keys of a rule that an override may set."""

MatchKey = Literal["room_id", "category", "host", "cdn", "region", "owner"]
MATCH_KEYS: Final[tuple[MatchKey, ...]] = ("room_id", "category", "host", "cdn", "region", "owner")
Label = Literal[
    "room_id",
    "title",
    "host",
    "category",
    "owner",
    "cdn",
    "region",
    "item_id",
    "vendor",
    "operation",
    "probe",
    "node",
]
"""Labels that alerts can share: facts of the room, the vendor, what a condition looks at."""
Number = Annotated[float, Field(allow_inf_nan=False)]
Bound = Number | tuple[Number, Number]
"""A bound: one number, or ``[low, high]`` with ``compare: outside``."""
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Short = Annotated[str, Field(min_length=1, max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Sentence(_Part):
    """A template in both languages; placeholders as ``alerts.texts`` lists them."""

    zh: Annotated[str, Field(min_length=1, max_length=500)]
    en: Annotated[str, Field(min_length=1, max_length=500)]


class Action(_Part):
    """What the alert asks for, of those action receivers that the routes name.

    Attributes:
        target: may hold labels of the alert, ``{cdn}``; without one of them nothing is asked for.
    """

    do: ActionName
    target: Short


class MetricCondition(_Part):
    """A figure against bounds, in the unit of the metric's name.

    Attributes:
        where: value of the metric's label.
        window: one of the metric's windows; a ping metric takes the smallest of 10s, 1m, 5m that holds three
            ping intervals, whatever is named here.
        compare: ``>`` and ``<`` take one number as bound, ``outside`` takes ``[low, high]``.
        recover: bound that must hold to end the alert; default: the mildest bound itself.
        total: a figure at or beyond this does not wait for ``for_s``.
        lower_bound: share of confidence, 0..1; compare the lower end of the figure's confidence interval
            instead of the figure (ratios with a sample count only).
        not_below_frame: widen the band to the time of one frame, because an offset below it may come from the
            order of arrival alone (``live_av_offset_seconds`` only).
    """

    metric: str
    where: dict[str, str] = Field(default_factory=dict)
    window: str | None = None
    compare: Literal[">", "<", "outside"]
    info: Bound | None = None
    warning: Bound | None = None
    critical: Bound | None = None
    recover: Bound | None = None
    total: Number | None = None
    lower_bound: Annotated[float, Field(gt=0, lt=1)] | None = None
    not_below_frame: bool = False


class DetectorCondition(_Part):
    """A detector by name; ``params`` are checked against the detector's own list."""

    detector: str
    metric: str | None = None
    where: dict[str, str] = Field(default_factory=dict)
    window: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)


class Override(_Part):
    """Other values for the rooms that match all of ``match``; a later override wins over an earlier one."""

    match: Annotated[dict[MatchKey, str], Field(min_length=1)]
    set: Annotated[dict[str, Any], Field(min_length=1)]


class Rule(_Part):
    """One rule; at most one episode of it is open per subject.

    Attributes:
        for_s: how long a level must hold before it is told, seconds.
        keep_firing_s: how long recovery must hold before the alert ends, and how long a lower severity must
            hold before it falls; at least one second, so that two episodes never share an id.
        min_samples: below it a figure is no data; pings, clicks, payments or calls, by the metric.
    """

    name: Name
    kind: Kind
    any: tuple[MetricCondition | DetectorCondition, ...]
    for_s: Seconds = 0
    keep_firing_s: Annotated[float, Field(ge=1, le=86_400, allow_inf_nan=False)] = 10
    min_samples: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    overrides: tuple[Override, ...] = ()
    summary: Sentence | None = None
    advice: Sentence | None = None
    runbook_url: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    action: Action | None = None


class Matcher(_Part):
    """Which alerts are meant: all given keys must be equal."""

    kind: Kind | None = None
    rule: Name | None = None
    severity: Severity | None = None


class Inhibition(_Part):
    """While an alert of ``source`` is open, those of ``target`` with equal labels are suppressed."""

    source: Matcher
    target: Matcher
    equal: tuple[Label, ...] = ("room_id",)


class Grouping(_Part):
    """Alerts of these kinds that share a label become one incident from ``at_least`` on."""

    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)]
    by: Label
    at_least: Annotated[int, Field(ge=2, le=100_000)]


class Escalation(_Part):
    """Who is told when nobody has acknowledged in time."""

    severity: Severity
    after_s: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
    to: Short


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A checked set.

    Attributes:
        version: rising integer; the ETag of the API. 0 for one that was never accepted.
        text: what it was read from.
    """

    version: int
    rules: tuple[Rule, ...]
    inhibit: tuple[Inhibition, ...]
    group: tuple[Grouping, ...]
    escalate: tuple[Escalation, ...]
    text: str

    def rule(self, name: str) -> Rule | None:
        """Return the rule of that name."""
        return next((rule for rule in self.rules if rule.name == name), None)


def matching_overrides(rule: Rule, *, room_id: str | None, facts: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the indices of the overrides that hold for a room, in their order."""
    known = {**facts, "room_id": room_id}
    return tuple(
        index
        for index, override in enumerate(rule.overrides)
        if all(known.get(key) == wanted for key, wanted in override.match.items())
    )


def apply_overrides(rule: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule's mapping with ``set`` entries applied.

    Args:
        rule: a rule as written, ``any`` being a list of mappings.
        settings: `<metric or detector>.<key>` or a key of the rule -> value. A metric or detector that stands
            in several conditions is set in all of them; a detector's parameter is set in its ``params``.
    """
    changed = {**rule, "any": [dict(condition) for condition in rule["any"]]}
    for path, value in settings.items():
        head, _, key = path.rpartition(".")
        if not head:
            changed[key] = value
            continue
        for condition in changed["any"]:
            if condition.get("detector") == head and key not in DetectorCondition.model_fields:
                condition["params"] = {**condition.get("params", {}), key: value}
            elif condition.get("detector", condition.get("metric")) == head:
                condition[key] = value
    return changed
