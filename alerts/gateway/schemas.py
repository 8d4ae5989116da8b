"""The shapes of the HTTP interface, for checking requests and for OpenAPI; answers are made without them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from alerts.gateway.session import AckSeconds, Comment, Verdict
from alerts.model import Kind, Severity, State

__all__ = [
    "AckBody",
    "Alert",
    "AlertPage",
    "AssignBody",
    "AuditPage",
    "Episode",
    "Handover",
    "Health",
    "IncidentDetail",
    "IncidentPage",
    "Pending",
    "ResolveBody",
    "Room",
    "RoomDetail",
    "RoomPage",
    "SetPage",
    "SetRecord",
    "SilenceBody",
    "SilencePage",
    "SilencePreview",
    "SilenceRecord",
    "TestBody",
    "Tested",
]

Instant = Annotated[int, Field(description="epoch milliseconds")]


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


class MatcherBody(BaseModel):
    """One condition on a label."""

    model_config = ConfigDict(extra="forbid")

    label: Annotated[str, Field(min_length=1, max_length=64)]
    op: Literal["=", "!=", "=~"]
    value: Annotated[str, Field(max_length=500)]


Matchers = Annotated[list[MatcherBody], Field(min_length=1, max_length=20)]


class PreviewBody(BaseModel):
    """What a silence would hide."""

    model_config = ConfigDict(extra="ignore")

    matchers: Matchers


class SilenceBody(BaseModel):
    """A silence: all matchers must match."""

    model_config = ConfigDict(extra="forbid")

    matchers: Matchers
    starts_at_ms: Annotated[int | None, Field(ge=0, le=2**53, description="null or past: now")] = None
    ends_at_ms: Annotated[int, Field(ge=0, le=2**53)]
    comment: Comment
    idle_s: Annotated[
        int | None,
        Field(ge=60, le=366 * 86_400, description="ends after hiding nothing for so long; default 86400"),
    ] = None


class SilenceRecord(BaseModel):
    """A silence as it is."""

    model_config = ConfigDict(extra="allow")

    id: str
    matchers: list[MatcherBody]
    starts_at_ms: Instant
    ends_at_ms: Instant
    comment: str
    by: str
    created_at_ms: Instant
    state: Literal["pending", "active", "ended"]
    hidden: Annotated[int, Field(description="alerts that it has hidden so far")]
    end_reason: Literal["expired", "unmatched", "by_hand"] | None


class SilencePage(BaseModel):
    """Silences, newest first."""

    items: list[SilenceRecord]
    next: str | None


class SilencePreview(BaseModel):
    """What a silence would hide: open alerts, at most 100 of them, and how many there are."""

    items: list[Alert]
    open: int
    last_day: Annotated[
        int, Field(description="alerts of the last 24 h that it would have hidden, open ones too")
    ]


class SetRecord(BaseModel):
    """A rule set, or routes; the version is the ETag."""

    version: int
    yaml: str
    from_ms: Instant
    author: str
    comment: str


class SetPage(BaseModel):
    """Sets, newest first."""

    items: list[SetRecord]
    next: str | None


class RollbackBody(BaseModel):
    """Which version to make the newest one again."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1, le=2**53)]
    comment: Comment = ""


class RoutePreviewBody(BaseModel):
    """An alert that there is, by ``id``, or one that there may be."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str | None, Field(max_length=64)] = None
    kind: Kind = "stutter"
    severity: Severity = "critical"
    state: State = "firing"
    rule: Annotated[str | None, Field(max_length=64)] = None
    room_id: Annotated[str | None, Field(max_length=64)] = None
    labels: Annotated[dict[str, Annotated[str, Field(max_length=500)]], Field(max_length=50)] = {}
    escalated_to: Annotated[str | None, Field(max_length=200)] = None
    at_ms: Annotated[int | None, Field(ge=0, le=2**43, description="when; default now")] = None
    routes: Annotated[
        str | None, Field(max_length=256 * 1024, description="other routes than those in force")
    ] = None


class RoutePreview(BaseModel):
    """Who would get an alert."""

    version: Annotated[int, Field(description="of the routes; 0 for those given")]
    targets: Annotated[list[dict[str, Any]], Field(description="`{receiver, mentions, routes}`")]
    routes: Annotated[list[int], Field(description="indices of the routes that matched")]
    escalated: list[str]
    unknown: Annotated[list[str], Field(description="names that mean nobody")]
    muted_by: list[str]
    silenced_by: Annotated[list[str], Field(description="ids of active silences that match")]


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


class AuditPage(BaseModel):
    """Who asked for what, newest first."""

    items: list[dict[str, Any]]
    next: str | None


class Handover(BaseModel):
    """What the next shift must know."""

    since_ms: Instant
    alerts: Annotated[list[Alert], Field(description="open ones, newest first")]
    silences: Annotated[list[SilenceRecord], Field(description="that have not ended")]
    notes: Annotated[
        list[dict[str, Any]], Field(description="what people said: `{at_ms, do, id, by, comment, verdict}`")
    ]


class Pending(BaseModel):
    """A change that was taken and is not confirmed yet."""

    command_id: str
    status: Literal["pending"]


class Room(BaseModel):
    """A room and its newest figures."""

    room_id: str
    state: Literal["planned", "live", "paused", "ended"]
    session_ms: Instant | None
    ended_reason: str | None
    facts: dict[str, Any]
    severity: Annotated[Severity | None, Field(description="highest of its open alerts")]
    open_alerts: int
    figures: Annotated[dict[str, Any], Field(description="by column: metric, label, window; null = no data")]
    newest_ms: Annotated[dict[str, int], Field(description="feed -> append time of its newest record")]


class RoomPage(BaseModel):
    """Rooms, worst first: highest open severity, then viewers, then longest live."""

    items: list[Room]
    next: str | None


class Coverage(BaseModel):
    """Whether a rule of the set in force can watch a room."""

    rule: str
    kind: str
    coverage: Literal["watched", "blind"]
    missing: Annotated[list[str], Field(description="feeds, and fields as `feed.field`, that it lacks")]


class RoomDetail(Room):
    """A room with its open alerts, and which rules can watch it."""

    alerts: list[Alert]
    coverage: list[Coverage]


class Health(BaseModel):
    """Whether the gateway works."""

    status: Literal["ok", "ready"]
