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
    "Episode",
    "Health",
    "Pending",
    "ResolveBody",
    "Room",
    "RoomDetail",
    "RoomPage",
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


class TimelineEntry(BaseModel):
    """What a change of an episode was, and what caused it."""

    model_config = ConfigDict(extra="allow")

    change: Annotated[int, Field(ge=1)]
    at_ms: Instant
    state: State
    severity: Severity
    value: float | None
    reason: str | None
    cause: Annotated[str, Field(description="`rules`, `monitor`, `command` or `clock`")]
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


class RoomDetail(Room):
    """A room with its open alerts."""

    alerts: list[Alert]


class Health(BaseModel):
    """Whether the gateway works."""

    status: Literal["ok", "ready"]
