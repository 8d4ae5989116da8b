"""``POST /api/v1/alerts/test``: a marked alert down the whole path; and ``GET /api/v1/audit``."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from alerts import routing
from alerts.gateway import schemas
from alerts.gateway.calls import LIMIT, At, By, Cursor, Desk, Limit, answer, asked, must, origin_of, told
from alerts.gateway.problems import ProblemError, responses

__all__ = ["router"]

_WAIT_S: Final = 5.0
"""How long the answer waits for deliveries; what comes later stands in ``GET alerts/{id}``."""
_LOOK_S: Final = 0.2

router: Final = APIRouter(prefix="/api/v1", responses=responses(401, 403, 422, 429, 503))
_SENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": schemas.Tested},
    202: {"model": schemas.Pending, "description": "taken, not confirmed within 3 s"},
}


@router.post("/alerts/test", tags=["alerts"], responses=_SENT)
async def send_test(at: At, by: By, request: Request, body: schemas.TestBody) -> Response:
    """Send a marked test alert down the whole path; it ends by itself; needs the role ops."""
    outcome = await told(at, at.changes.test(by, body.model_dump(), origin=origin_of(request)))
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
    must(by, "ops", at.settings.locale)
    if cursor is not None and not cursor.isdecimal():
        raise ProblemError(422, "invalid", f"{cursor!r} is no cursor of this list")
    before = None if cursor is None else int(cursor)
    items = await asked(lambda: at.reader.audit(limit=limit, before=before))
    return answer({"items": items, "next": str(items[-1]["offset"]) if len(items) == limit else None})


async def _deliveries(at: Desk, alert_id: str, wanted: int) -> list[dict[str, Any]]:
    """Return the deliveries of an alert, once there are enough or time is over."""
    until_ms = at.clock.now_ms() + int(_WAIT_S * 1_000)
    while True:
        found = await asked(lambda: at.deliveries.of(alert_id))
        if len(found) >= wanted or at.clock.now_ms() >= until_ms:
            return found
        await at.clock.sleep(_LOOK_S)
