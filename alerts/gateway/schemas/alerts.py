"""Alerts, incidents, and what people do with them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from alerts.gateway.schemas.base import Instant
from alerts.gateway.session import AckSeconds, Comment, Verdict
from alerts.model import Kind, Severity, State

__all__ = [
    "AckBody",
    "Alert",
    "AlertPage",
    "AssignBody",
    "Episode",
    "Incident",
    "IncidentDetail",
    "IncidentPage",
    "Pending",
    "ResolveBody",
    "Sentence",
    "TestBody",
    "Tested",
    "TimelineEntry",
]


class AckBody(BaseModel):
    """Why somebody looks after an alert, and for how long."""

    model_config = ConfigDict(extra="forbid")

    comment: Comment
    for_s: Annotated[AckSeconds | None, Field(description="seconds until it fires again; default 3600")] = (
        None
    )
    verdict: Verdict | None = None


class ResolveBody(BaseModel):
    """Why an alert is over."""

    model_config = ConfigDict(extra="forbid")

    comment: Comment
    verdict: Verdict | None = None


class AssignBody(BaseModel):
    """Who looks after an alert from now on."""

    model_config = ConfigDict(extra="forbid")

    owner: Annotated[str, Field(min_length=1, max_length=64)]
    comment: Comment = ""


class Sentence(BaseModel):
    """One sentence in both languages."""

    zh: str
    en: str


class Alert(BaseModel):
    """One change of an episode, as on `live.alerts`."""

    model_config = ConfigDict(extra="allow")

    id: str
    change: Annotated[int, Field(ge=1)]
    at_ms: Instant
    started_at_ms: Instant
    room_id: str | None
    subject: str
    rule: str
    rule_version: int
    kind: Kind
    severity: Severity
    severity_max: Severity
    state: State
    value: float | None
    expected: float | None
    threshold: float | None
    samples: int | None
    confidence: float | None
    window_s: int | None
    labels: dict[str, str]
    summary: Sentence
    advice: Sentence
    contributions: list[dict[str, Any]]
    runbook_url: str
    evidence: list[dict[str, Any]]
    incident_id: str | None
    reason: str | None
    latency_ms: int
    owner: str | None = None
    verdict: str | None = None
    action: dict[str, Any] | None = None
    escalated_to: Annotated[str | None, Field(description="whom the ladder named last")] = None


class TimelineEntry(BaseModel):
    """What a change of an episode was, and what caused it."""

    model_config = ConfigDict(extra="allow")

    change: Annotated[int, Field(ge=1)]
    at_ms: Instant
    state: State
    severity: Severity
    value: float | None
    reason: str | None
    cause: Annotated[str, Field(description="`rules`, `monitor`, `command`, `clock`, `suppression`")]
    offset: Annotated[int, Field(description="of the input in `live.transitions`")]
    do: Annotated[
        str | None, Field(description="this and the following: of a command, who asked and why")
    ] = None
    command_id: str | None = None
    by: str | None = None
    role: str | None = None
    origin: str | None = None
    comment: str | None = None
    for_s: int | None = None
    verdict: str | None = None
    owner: str | None = None
    escalated_to: str | None = None
    suppressed_by: Annotated[
        list[dict[str, Any]] | None,
        Field(description="why it is suppressed: `{why, by, since_ms}`, the first decides"),
    ] = None


class AlertPage(BaseModel):
    """Alerts, newest start first."""

    items: list[Alert]
    next: Annotated[str | None, Field(description="`cursor` of the next page, null at the end")]
    epoch: Annotated[str, Field(description="with `offset`, where a WebSocket goes on from this list")]
    offset: int


class Episode(BaseModel):
    """An alert with all that happened to it."""

    alert: Alert
    timeline: Annotated[list[TimelineEntry], Field(description="every change, oldest first")]
    deliveries: Annotated[list[dict[str, Any]], Field(description="to whom it was sent")]
    path: Annotated[dict[str, Any], Field(description="its way: rule, suppress, route, deliveries")]


class Incident(BaseModel):
    """One cause with many alerts."""

    id: str
    kinds: list[Kind]
    by: Annotated[str, Field(description="the label that its alerts share")]
    value: str
    at_least: int
    started_at_ms: Instant
    at_ms: Instant
    severity_max: Severity
    members: Annotated[int, Field(description="open alerts")]
    total: Annotated[int, Field(description="with those that are over")]
    first: Annotated[list[str], Field(description="ids of the alerts that are not suppressed")]
    ended_at_ms: Instant | None


class IncidentPage(BaseModel):
    """Incidents, newest start first."""

    items: list[Incident]
    next: str | None


class IncidentDetail(BaseModel):
    """An incident with its alerts."""

    incident: Incident
    alerts: list[Alert]


class TestBody(BaseModel):
    """What the test alert looks like."""

    __test__ = False
    model_config = ConfigDict(extra="forbid")

    kind: Kind = "monitor_degraded"
    severity: Severity = "warning"
    room_id: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    labels: Annotated[dict[str, Annotated[str, Field(max_length=500)]], Field(max_length=50)] = {}
    comment: Comment = ""
    for_s: Annotated[int, Field(ge=1, le=3600, description="how long it stays open, seconds")] = 60


class Tested(BaseModel):
    """The test alert, who is to get it, and what became of that so far."""

    alert: Alert
    route: dict[str, Any] | None
    deliveries: list[dict[str, Any]]


class Pending(BaseModel):
    """A change that was taken and is not confirmed yet."""

    command_id: str
    status: Literal["pending"]
