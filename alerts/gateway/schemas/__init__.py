"""The shapes of the HTTP interface, for checking requests and for OpenAPI; answers are made without them."""

from alerts.gateway.schemas.alerts import (
    AckBody,
    Alert,
    AlertPage,
    AssignBody,
    Episode,
    Incident,
    IncidentDetail,
    IncidentPage,
    Pending,
    ResolveBody,
    Sentence,
    TestBody,
    Tested,
    TimelineEntry,
)
from alerts.gateway.schemas.duty import AuditPage, Handover, Health
from alerts.gateway.schemas.rooms import Coverage, Room, RoomDetail, RoomPage
from alerts.gateway.schemas.sets import RollbackBody, RoutePreview, RoutePreviewBody, SetPage, SetRecord
from alerts.gateway.schemas.silences import (
    MatcherBody,
    PreviewBody,
    SilenceBody,
    SilencePage,
    SilencePreview,
    SilenceRecord,
)

__all__ = [
    "AckBody",
    "Alert",
    "AlertPage",
    "AssignBody",
    "AuditPage",
    "Coverage",
    "Episode",
    "Handover",
    "Health",
    "Incident",
    "IncidentDetail",
    "IncidentPage",
    "MatcherBody",
    "Pending",
    "PreviewBody",
    "ResolveBody",
    "RollbackBody",
    "Room",
    "RoomDetail",
    "RoomPage",
    "RoutePreview",
    "RoutePreviewBody",
    "Sentence",
    "SetPage",
    "SetRecord",
    "SilenceBody",
    "SilencePage",
    "SilencePreview",
    "SilenceRecord",
    "TestBody",
    "Tested",
    "TimelineEntry",
]
