"""What whoever is on duty asks: what happened, what is open, whether the gateway works."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from alerts.gateway.schemas.alerts import Alert
from alerts.gateway.schemas.base import Instant
from alerts.gateway.schemas.silences import SilenceRecord

__all__ = ["AuditPage", "Handover", "Health"]


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


class Health(BaseModel):
    """Whether the gateway works."""

    status: Literal["ok", "ready"]
