"""Rooms, and which rules can watch them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from alerts.gateway.schemas.alerts import Alert
from alerts.gateway.schemas.base import Instant
from alerts.model import Severity

__all__ = ["Coverage", "Room", "RoomDetail", "RoomPage"]


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


class NotYet(BaseModel):
    """What a rule must see more of before it knows what is normal for the room."""

    figure: str
    has: int
    needs: int


class Coverage(BaseModel):
    """Whether a rule of the set in force can watch a room."""

    rule: str
    kind: str
    coverage: Literal["watched", "blind"]
    missing: Annotated[list[str], Field(description="feeds, and fields as `feed.field`, that it lacks")]
    not_yet: Annotated[list[NotYet], Field(description="what it must see more of before it can tell a drop")]


class RoomDetail(Room):
    """A room with its open alerts, and which rules can watch it."""

    alerts: list[Alert]
    coverage: list[Coverage]
