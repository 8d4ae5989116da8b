"""Rule sets and routes, and who would get an alert."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from alerts.gateway.schemas.base import Instant
from alerts.gateway.session import Comment
from alerts.model import Kind, Severity, State

__all__ = ["RollbackBody", "RoutePreview", "RoutePreviewBody", "SetPage", "SetRecord"]


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
