"""``/api/v1``: alerts and rooms over HTTP."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request
from redis.exceptions import RedisError
from starlette.responses import Response

from alerts.gateway import rooms as ranking
from alerts.gateway import schemas
from alerts.gateway.alertlog import AlertLog
from alerts.gateway.changes import Changes, Refused
from alerts.gateway.hub import Hub
from alerts.gateway.messages import Locale, message
from alerts.gateway.problems import ProblemError, responses
from alerts.gateway.settings import GatewaySettings
from alerts.gateway.tokens import Caller, Tokens, offered_token
from alerts.model import CommandName, Kind, State
from alerts.store import IncidentsReader
from alerts.store.deliveries import DeliveriesReader
from stream.errors import StoreError
from stream.store import FiguresReader, RoomFigures

__all__ = ["Desk", "router"]

T = TypeVar("T")

_LIMIT: Final = 100
_LIMIT_MAX: Final = 1_000
_PAGES_MAX: Final = 20
"""Pages of the store read for one answer to a token with limits; then the answer is short, with a cursor."""
_FRESH_S: Final = 1.0
"""Figures change each second; who asks more often gets the same ones."""
_STATUS: Final = {
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "not_supported": 501,
    "busy": 503,
    "unavailable": 503,
}


@dataclass(slots=True)
class Desk:
    """What the calls need."""

    settings: GatewaySettings
    tokens: Tokens
    hub: Hub
    log: AlertLog
    reader: IncidentsReader
    figures: FiguresReader
    changes: Changes
    deliveries: DeliveriesReader
    _rooms: tuple[float, list[RoomFigures]] = (-_FRESH_S, [])

    async def rooms(self) -> list[RoomFigures]:
        """Return every room, at most a second old."""
        now = time.monotonic()
        if now - self._rooms[0] >= _FRESH_S:
            self._rooms = (now, await self.figures.rooms())
        return self._rooms[1]


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _caller(request: Request) -> Caller:
    known = _desk(request).tokens.caller(offered_token(request.headers.get("authorization"), ()))
    if known is None:
        raise ProblemError(401, "unauthorized", "a valid token is needed", {"WWW-Authenticate": "Bearer"})
    return known


At = Annotated[Desk, Depends(_desk)]
By = Annotated[Caller, Depends(_caller)]
Id = Annotated[str, Path(min_length=1, max_length=64)]
Cursor = Annotated[str | None, Query(max_length=256, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=_LIMIT_MAX)]

router: Final = APIRouter(prefix="/api/v1", responses=responses(401, 403, 422, 503))
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
    limit: Limit = _LIMIT,
    cursor: Cursor = None,
) -> Response:
    """List episodes, newest start first, and where a WebSocket goes on from here."""
    epoch = at.log.epoch
    kept, _ = await _store(at.reader.position)
    offset = min(kept, at.hub.end)  # asked before the list is read: what is not in it comes after this

    async def read(after: str | None, most: int) -> tuple[list[dict[str, Any]], str | None]:
        query = {"state": state, "room": room, "kind": kind, "since_ms": since_ms}
        return await _page(at.reader, **query, limit=most, cursor=after)

    items, then = await _visible_page(by, read, limit, cursor)
    return _json({"items": items, "next": then, "epoch": epoch, "offset": offset})


@router.get(
    "/alerts/{alert_id}", tags=["alerts"], responses={200: {"model": schemas.Episode}, **responses(404)}
)
async def show_alert(at: At, by: By, alert_id: Id) -> Response:
    """Show an episode with its timeline and deliveries."""
    episode = await _store(lambda: at.reader.episode(alert_id))
    if episode is None or not by.scope.sees(*_place(episode[0])):
        raise _refusal("not_found", at.settings.locale)
    alert, timeline = episode
    deliveries = await _store(lambda: at.deliveries.of(alert_id))
    return _json({"alert": alert, "timeline": timeline, "deliveries": deliveries})


@router.post("/alerts/{alert_id}/ack", tags=["alerts"], responses=_CHANGED)
async def acknowledge(at: At, by: By, request: Request, alert_id: Id, body: schemas.AckBody) -> Response:
    """Say that you look after an alert; needs the role oncall."""
    return await _change(at, by, request, "ack", alert_id, **body.model_dump())


@router.post("/alerts/{alert_id}/resolve", tags=["alerts"], responses=_CHANGED)
async def resolve(at: At, by: By, request: Request, alert_id: Id, body: schemas.ResolveBody) -> Response:
    """Say that an alert is over; needs the role oncall."""
    return await _change(at, by, request, "resolve", alert_id, **body.model_dump())


@router.get("/rooms", tags=["rooms"], responses={200: {"model": schemas.RoomPage}})
async def list_rooms(at: At, by: By, limit: Limit = _LIMIT, cursor: Cursor = None) -> Response:
    """List rooms, worst first: highest open severity, then viewers, then longest live."""
    rooms = ranking.visible(await at.rooms(), by.scope)
    ranked = ranking.worst_first(rooms, await _store(at.reader.open_alerts))
    try:
        items, then = ranking.page(ranked, limit=limit, cursor=cursor)
    except ValueError as error:
        raise ProblemError(422, "invalid", str(error)) from error
    return _json({"items": items, "next": then})


@router.get(
    "/rooms/{room_id}", tags=["rooms"], responses={200: {"model": schemas.RoomDetail}, **responses(404)}
)
async def show_room(at: At, by: By, room_id: Id) -> Response:
    """Show a room's figures, facts and open alerts."""
    room = await at.figures.room(room_id)
    if room is None or not ranking.visible([room], by.scope):
        raise ProblemError(404, "not_found", "there is no such room")
    alerts = [alert for alert in await _store(at.reader.open_alerts) if alert["room_id"] == room_id]
    return _json({**ranking.describe(room, alerts), "alerts": alerts})


async def _change(
    at: Desk, by: Caller, request: Request, do: CommandName, alert_id: str, **given: Any
) -> Response:
    origin = request.client.host if request.client else ""
    try:
        outcome = await at.changes.ask(by, do, alert_id, origin=origin, **given)
    except Refused as refused:
        raise _refusal(refused.code, at.settings.locale, refused.detail) from refused
    if isinstance(outcome, str):
        return _json({"command_id": outcome, "status": "pending"}, 202)
    return _json(outcome.alert)


async def _store(ask: Callable[[], Awaitable[T]]) -> T:
    try:
        return await ask()
    except RedisError as error:
        raise StoreError(f"the store does not answer: {str(error) or type(error).__name__}") from error


async def _page(reader: IncidentsReader, **query: Any) -> tuple[list[dict[str, Any]], str | None]:
    try:
        return await _store(lambda: reader.alerts(**query))
    except ValueError as error:
        raise ProblemError(422, "invalid", str(error)) from error


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
        items += [alert for alert in found if by.scope.sees(*_place(alert))]
        if cursor is None or len(items) >= limit:
            break
    return items, cursor


def _place(alert: dict[str, Any]) -> tuple[str | None, str | None]:
    return alert["room_id"], alert.get("labels", {}).get("category")


def _refusal(code: Any, locale: Locale, detail: str | None = None) -> ProblemError:
    said = message(code, locale) + (f": {detail}" if detail else "")
    return ProblemError(_STATUS[code], code, said)


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
