"""Silences, and what one would hide."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from alerts.gateway.schemas.alerts import Alert
from alerts.gateway.schemas.base import Instant
from alerts.gateway.session import Comment

__all__ = [
    "MatcherBody",
    "PreviewBody",
    "SilenceBody",
    "SilenceDetail",
    "SilencePage",
    "SilencePreview",
    "SilenceRecord",
]


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


class SilenceDetail(BaseModel):
    """A silence, and who was told of its start and end."""

    silence: SilenceRecord
    deliveries: list[dict[str, Any]]


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
