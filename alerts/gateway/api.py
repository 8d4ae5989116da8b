"""``/api/v1``: alerts and rooms over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from alerts.coverage import Seen, coverage
from alerts.gateway import rooms as ranking
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
    origin_of,
    place_of,
    refusal,
    told,
    wrong_cursor,
)
from alerts.gateway.problems import responses
from alerts.gateway.tokens import Caller
from alerts.model import CommandName, Kind, State
from alerts.routing import load as load_routes
from alerts.routing import plan
from alerts.store import IncidentsReader
from stream.errors import RoomwatchError
from stream.store.values import RoomFigures

__all__ = ["router"]

_PAGES_MAX: Final = 20
"""Pages of the store read for one answer to a token with limits; then the answer is short, with a cursor."""
_MEMBERS_MAX: Final = 1_000
"""Alerts of an incident that one answer shows."""

router: Final = APIRouter(prefix="/api/v1", responses=responses(401, 403, 413, 422, 429, 503))
"""The calls of ``/api/v1``; the application's ``state.desk`` is what they work with."""
_CHANGED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": schemas.Alert},
    202: {"model": schemas.Pending, "description": "taken, not confirmed within 3 s"},
    **responses(404, 409),
}


@router.get("/alerts", tags=["alerts"], responses={200: {"model": schemas.AlertPage}})
async def list_alerts(
    at: At,
    by: By,
    state: State | None = None,
    room: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
    kind: Kind | None = None,
    since_ms: Annotated[int | None, Query(ge=0, le=2**53, description="begun then or later")] = None,
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> Response:
    """List episodes, newest start first, and where a WebSocket goes on from here."""
    epoch = at.log.epoch
    kept, _ = await asked(at.reader.position)
    offset = min(kept, at.hub.end)  # asked before the list is read: what is not in it comes after this

    async def read(after: str | None, most: int) -> tuple[list[dict[str, Any]], str | None]:
        query = {"state": state, "room": room, "kind": kind, "since_ms": since_ms}
        return await _page(at.reader, **query, limit=most, cursor=after)

    items, then = await _visible_page(by, read, limit, cursor)
    return answer({"items": items, "next": then, "epoch": epoch, "offset": offset})


@router.get(
    "/alerts/{alert_id}", tags=["alerts"], responses={200: {"model": schemas.Episode}, **responses(404)}
)
async def show_alert(at: At, by: By, alert_id: Id) -> Response:
    """Show an episode with its timeline and deliveries."""
    episode = await asked(lambda: at.reader.episode(alert_id))
    if episode is None or not by.scope.sees(*place_of(episode[0])):
        raise refusal("not_found")
    alert, timeline = episode
    deliveries = await asked(lambda: at.deliveries.of(alert_id))
    path = {
        "rule": {"name": alert["rule"], "version": alert["rule_version"]},
        "suppress": timeline[-1].get("suppressed_by", []) if timeline else [],
        "route": await _route(at, alert),
        "deliveries": len(deliveries),
    }
    return answer({"alert": alert, "timeline": timeline, "deliveries": deliveries, "path": path})


async def _route(at: Desk, alert: dict[str, Any]) -> dict[str, Any] | None:
    """Return who gets an alert by the routes of its newest change, None without any that can be read."""
    kept = await asked(lambda: at.routes.in_force(alert["at_ms"]))
    if kept is None:
        return None
    try:
        routes = load_routes(kept.yaml, kept.version)
    except RoomwatchError:  # of a newer version of this program; the gateway shows the rest
        return None
    found = plan(routes, alert, at_ms=alert["at_ms"], zone=at.zone)
    named = [
        {"receiver": one.receiver, "mentions": [person.name for person in one.mentions]}
        for one in found.targets
    ]
    return {"version": kept.version, "routes": list(found.routes), "targets": named}


@router.post("/alerts/{alert_id}/ack", tags=["alerts"], responses=_CHANGED)
async def acknowledge(at: At, by: By, request: Request, alert_id: Id, body: schemas.AckBody) -> Response:
    """Say that you look after an alert; needs the role oncall."""
    return await _change(at, by, request, "ack", alert_id, **body.model_dump())


@router.post("/alerts/{alert_id}/resolve", tags=["alerts"], responses=_CHANGED)
async def resolve(at: At, by: By, request: Request, alert_id: Id, body: schemas.ResolveBody) -> Response:
    """Say that an alert is over; needs the role oncall."""
    return await _change(at, by, request, "resolve", alert_id, **body.model_dump())


@router.post("/alerts/{alert_id}/assign", tags=["alerts"], responses=_CHANGED)
async def assign(at: At, by: By, request: Request, alert_id: Id, body: schemas.AssignBody) -> Response:
    """Give an alert to somebody; needs the role oncall."""
    return await _change(at, by, request, "assign", alert_id, **body.model_dump())


@router.get("/incidents", tags=["incidents"], responses={200: {"model": schemas.IncidentPage}})
async def list_incidents(
    at: At,
    by: By,
    open: Annotated[bool, Query(description="only those that are open")] = False,  # noqa: A002, FBT002 - the parameter's name
    limit: Limit = LIMIT,
    cursor: Cursor = None,
) -> Response:
    """List incidents, newest start first: alerts of many rooms with one cause."""
    del by  # an incident names a cause and counts; its alerts are shown by what the token sees
    try:
        items, then = await asked(lambda: at.reader.incidents(limit=limit, cursor=cursor, open_only=open))
    except ValueError as error:
        raise wrong_cursor(cursor or "") from error
    return answer({"items": items, "next": then})


@router.get(
    "/incidents/{incident_id}",
    tags=["incidents"],
    responses={200: {"model": schemas.IncidentDetail}, **responses(404)},
)
async def show_incident(at: At, by: By, incident_id: Id) -> Response:
    """Show an incident with its alerts, the first thousand in the order in which they joined."""
    found = await asked(lambda: at.reader.incident(incident_id, members_max=_MEMBERS_MAX))
    if found is None:
        raise refusal("not_found")
    incident, members = found
    return answer({"incident": incident, "alerts": [one for one in members if by.scope.sees(*place_of(one))]})


@router.get("/rooms", tags=["rooms"], responses={200: {"model": schemas.RoomPage}})
async def list_rooms(at: At, by: By, limit: Limit = LIMIT, cursor: Cursor = None) -> Response:
    """List rooms, worst first: highest open severity, then viewers, then longest live."""
    rooms = ranking.visible(await at.rooms(), by.scope)
    ranked = ranking.worst_first(rooms, await asked(lambda: at.reader.open_alerts(tests=False)))
    try:
        items, then = ranking.page(ranked, limit=limit, cursor=cursor)
    except ValueError as error:
        raise wrong_cursor(cursor or "") from error
    return answer({"items": items, "next": then})


@router.get(
    "/rooms/{room_id}", tags=["rooms"], responses={200: {"model": schemas.RoomDetail}, **responses(404)}
)
async def show_room(at: At, by: By, room_id: Id) -> Response:
    """Show a room's figures, facts and open alerts, and which rules can watch it."""
    room = await at.figures.room(room_id)
    if room is None or not ranking.visible([room], by.scope):
        raise refusal("not_found")
    alerts = [alert for alert in await asked(at.reader.open_alerts) if alert["room_id"] == room_id]
    shown = {**ranking.describe(room, alerts), "alerts": alerts, "coverage": await _coverage(at, room)}
    return answer(shown)


async def _coverage(at: Desk, room: RoomFigures) -> list[dict[str, Any]]:
    """Return which rules of the set in force watch a room; none before the engine wrote the first set."""
    ruleset = await at.ruleset()
    if ruleset is None:
        return []
    return coverage(ruleset, Seen(room.room_id, room.facts, room.values, room.newest_ms))


async def _change(
    at: Desk, by: Caller, request: Request, do: CommandName, alert_id: str, **given: Any
) -> Response:
    outcome = await told(at.changes.ask(by, do, alert_id, origin=origin_of(request), **given))
    return outcome if isinstance(outcome, Response) else answer(outcome.alert)


async def _page(reader: IncidentsReader, **query: Any) -> tuple[list[dict[str, Any]], str | None]:
    try:
        return await asked(lambda: reader.alerts(**query))
    except ValueError as error:
        raise wrong_cursor(query["cursor"]) from error


async def _visible_page(
    by: Caller,
    read: Callable[[str | None, int], Awaitable[tuple[list[dict[str, Any]], str | None]]],
    limit: int,
    cursor: str | None,
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of what a token sees; reads on while its limits hide most of what is found."""
    items: list[dict[str, Any]] = []
    for _ in range(_PAGES_MAX):
        found, cursor = await read(cursor, limit - len(items))
        items += [alert for alert in found if by.scope.sees(*place_of(alert))]
        if cursor is None or len(items) >= limit:
            break
    return items, cursor
