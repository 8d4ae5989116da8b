"""``/api/v1/silences``: what is kept quiet, by whom, until when, and what it hides."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from alerts.gateway import schemas
from alerts.gateway.calls import (
    LIMIT,
    At,
    By,
    Cursor,
    Desk,
    Id,
    Limit,
    answer,
    asked,
    must,
    origin_of,
    place_of,
    refusal,
    sees_silence,
    told,
    wrong_cursor,
)
from alerts.gateway.problems import responses
from alerts.incidents.silences import Refusal, read_matchers
from alerts.matching import Matcher, matches, values_of

__all__ = ["router"]

_DAY_MS: Final = 24 * 3_600_000
_LAST_MAX: Final = 1_000
"""Alerts of the last day that a preview looks at."""
_SHOWN: Final = 100

router: Final = APIRouter(
    prefix="/api/v1", tags=["silences"], responses=responses(401, 403, 413, 422, 429, 503)
)
_TOLD: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": schemas.SilenceRecord},
    202: {"model": schemas.Pending, "description": "taken, not confirmed within 3 s"},
    **responses(404, 409),
}


@router.get("/silences", responses={200: {"model": schemas.SilencePage}})
async def list_silences(
    at: At,
    by: By,
    state: Annotated[str | None, Query(pattern="^(pending|active|ended)$")] = None,
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> Response:
    """List silences, newest first, those that ended within 35 days too."""
    found = await asked(at.reader.silences)
    found = [one for one in found if state in (None, one["state"]) and sees_silence(by, one["matchers"])]
    if cursor is not None:
        ids = [one["id"] for one in found]
        if cursor not in ids:
            raise wrong_cursor(cursor)
        found = found[ids.index(cursor) + 1 :]
    items = found[:limit]
    return answer({"items": items, "next": items[-1]["id"] if len(found) > limit else None})


@router.get("/silences/{silence_id}", responses={200: {"model": schemas.SilenceDetail}, **responses(404)})
async def show_silence(at: At, by: By, silence_id: Id) -> Response:
    """Show a silence, and who was told of its start and end."""
    found = [one for one in await asked(at.reader.silences) if one["id"] == silence_id]
    if not found or not sees_silence(by, found[0]["matchers"]):
        raise refusal("not_found")
    deliveries = await asked(lambda: at.deliveries.of(silence_id))
    return answer({"silence": found[0], "deliveries": deliveries})


@router.post("/silences", responses=_TOLD)
async def create_silence(at: At, by: By, request: Request, body: schemas.SilenceBody) -> Response:
    """Keep alerts quiet that match; needs the role oncall."""
    outcome = await told(at.changes.silence(by, body.model_dump(), origin=origin_of(request)))
    return outcome if isinstance(outcome, Response) else answer(outcome.silence)


@router.post("/silences/preview", responses={200: {"model": schemas.SilencePreview}})
async def preview_silence(at: At, by: By, body: schemas.PreviewBody) -> Response:
    """Show what a silence would hide; needs the role oncall."""
    must(by, "oncall")
    try:
        matchers = read_matchers([one.model_dump() for one in body.matchers])
    except Refusal as refused:
        raise refusal("invalid", refused.said) from refused
    found = await asked(at.reader.open_alerts)
    items = [one for one in found if _hides(matchers, one) and by.scope.sees(*place_of(one))]
    return answer(
        {"items": items[:_SHOWN], "open": len(items), "last_day": await _last_day(at, by, matchers)}
    )


@router.delete("/silences/{silence_id}", responses=_TOLD)
async def end_silence(at: At, by: By, request: Request, silence_id: Id) -> Response:
    """End a silence; needs the role oncall."""
    outcome = await told(at.changes.unsilence(by, silence_id, origin=origin_of(request)))
    return outcome if isinstance(outcome, Response) else answer(outcome.silence)


async def _last_day(at: Desk, by: Any, matchers: tuple[Matcher, ...]) -> int:
    since_ms = at.clock.now_ms() - _DAY_MS
    found, _ = await asked(lambda: at.reader.alerts(since_ms=since_ms, limit=_LAST_MAX))
    return sum(_hides(matchers, one) and by.scope.sees(*place_of(one)) for one in found)


def _hides(matchers: tuple[Matcher, ...], alert: dict[str, Any]) -> bool:
    return matches(matchers, values_of(alert))
