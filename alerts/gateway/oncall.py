"""``/api/v1``: test alerts down the whole path, the audit, and what a shift hands over to the next."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from alerts import routing
from alerts.gateway import schemas
from alerts.gateway.calls import (
    LIMIT,
    At,
    By,
    Cursor,
    Desk,
    Limit,
    answer,
    asked,
    must,
    origin_of,
    place_of,
    sees_silence,
    told,
    wrong_cursor,
)
from alerts.gateway.problems import responses
from alerts.routing.calendar import local, shift_began

__all__ = ["router"]

_WAIT_S: Final = 5.0
"""How long the answer waits for deliveries; what comes later stands in ``GET alerts/{id}``."""
_LOOK_S: Final = 0.2
_NOTES_MAX: Final = 1_000
_SHIFT_MS: Final = 12 * 3_600_000
"""How far a handover looks back without a roster."""

router: Final = APIRouter(prefix="/api/v1", responses=responses(401, 403, 413, 422, 429, 503))
_SENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": schemas.Tested},
    202: {"model": schemas.Pending, "description": "taken, not confirmed within 3 s"},
}


@router.post("/alerts/test", tags=["alerts"], responses=_SENT)
async def send_test(at: At, by: By, request: Request, body: schemas.TestBody) -> Response:
    """Send a marked test alert down the whole path; it ends by itself; needs the role ops."""
    outcome = await told(at.changes.test(by, body.model_dump(), origin=origin_of(request)))
    if isinstance(outcome, Response):
        return outcome
    alert = outcome.alert or {}
    kept = await asked(at.routes.current)
    routes = None if kept is None else routing.check(kept.yaml, kept.version)[0]
    found = None if routes is None else routing.plan(routes, alert, at_ms=alert["at_ms"], zone=at.zone)
    wanted = 0 if found is None or alert["state"] == "suppressed" else len(found.targets)
    deliveries = await _deliveries(at, alert["id"], wanted)
    route = None if found is None else found.to_record()
    return answer({"alert": alert, "route": route, "deliveries": deliveries})


@router.get("/audit", tags=["audit"], responses={200: {"model": schemas.AuditPage}})
async def list_audit(at: At, by: By, limit: Limit = LIMIT, cursor: Cursor = None) -> Response:
    """List every change that was asked for: who, what, when, from where, and what became of it; needs ops."""
    must(by, "ops")
    if cursor is not None and not cursor.isdecimal():
        raise wrong_cursor(cursor)
    before = None if cursor is None else int(cursor)
    items = await asked(lambda: at.reader.audit(limit=limit, before=before))
    return answer({"items": items, "next": str(items[-1]["offset"]) if len(items) == limit else None})


@router.get("/handover", tags=["oncall"], responses={200: {"model": schemas.Handover}})
async def hand_over(
    at: At, by: By, since_ms: Annotated[int | None, Query(ge=0, le=2**53)] = None
) -> Response:
    """Show what the next shift must know: open alerts, running silences, notes since the shift began."""
    must(by, "oncall")
    since_ms = await _shift_began(at) if since_ms is None else since_ms
    found = await asked(lambda: at.reader.open_alerts(tests=False))
    alerts = [one for one in found if by.scope.sees(*place_of(one))]
    running = [one for one in await asked(at.reader.silences) if one["state"] != "ended"]
    silences = [one for one in running if sees_silence(by, one["matchers"])]
    entries = await asked(lambda: at.reader.audit(limit=_NOTES_MAX))
    notes = [
        {name: one[name] for name in ("at_ms", "do", "id", "by", "comment", "verdict")}
        for one in entries
        if one["at_ms"] >= since_ms and one["status"] == "done" and (one["comment"] or one["verdict"])
    ]
    if by.scope.limited:
        seen = {one["id"] for one in alerts}
        notes = [one for one in notes if one["id"] in seen]
    return answer({"since_ms": since_ms, "alerts": alerts, "silences": silences, "notes": notes})


async def _shift_began(at: Desk) -> int:
    """Return when the newest shift of the routes' rosters began; without one, ``_SHIFT_MS`` ago."""
    now_ms = at.clock.now_ms()
    kept = await asked(at.routes.current)
    routes = None if kept is None else routing.check(kept.yaml, kept.version)[0]
    now = local(now_ms, at.zone)
    began = [shift_began(roster, now) for roster in routes.rosters.values()] if routes else []
    known = [int(one.timestamp() * 1_000) for one in began if one is not None]
    return max(known, default=now_ms - _SHIFT_MS)


async def _deliveries(at: Desk, alert_id: str, wanted: int) -> list[dict[str, Any]]:
    """Return the deliveries of an alert, once there are enough or time is over."""
    until_ms = at.clock.now_ms() + int(_WAIT_S * 1_000)
    while True:
        found = await asked(lambda: at.deliveries.of(alert_id))
        if len(found) >= wanted or at.clock.now_ms() >= until_ms:
            return found
        await at.clock.sleep(_LOOK_S)
