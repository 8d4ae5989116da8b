"""What the calls of ``/api/v1`` share: what they work with, who calls, how they answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar
from zoneinfo import ZoneInfo

import orjson
from fastapi import Depends, Path, Query, Request
from redis.exceptions import RedisError
from starlette.responses import Response

from alerts.gateway.alertlog import AlertLog
from alerts.gateway.changes import Changes, Refused
from alerts.gateway.hub import Hub
from alerts.gateway.messages import message, needs, no_cursor, with_detail
from alerts.gateway.problems import ProblemError, language, problem
from alerts.gateway.settings import GatewaySettings
from alerts.gateway.tokens import Caller, LiveTokens, Role, allows, offered_token
from alerts.model import Outcome
from alerts.rulecheck import check as check_rules
from alerts.ruleset import RuleSet
from alerts.ruletext import Fault
from alerts.store import IncidentsReader
from alerts.store.deliveries import DeliveriesReader
from alerts.store.rule_sets import RuleSetStore
from alerts.wording import Wording
from stream.errors import StoreError
from stream.runtime import Clock
from stream.store import FiguresReader, RoomFigures

__all__ = [
    "At",
    "By",
    "Cursor",
    "Desk",
    "Id",
    "Limit",
    "answer",
    "asked",
    "faulty",
    "must",
    "origin_of",
    "place_of",
    "refusal",
    "sees_silence",
    "told",
    "wrong_cursor",
]

T = TypeVar("T")

LIMIT: Final = 100
LIMIT_MAX: Final = 1_000
_FRESH_S: Final = 1.0
"""Figures change each second; who asks more often gets the same ones."""
_STATUS: Final = {
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "invalid": 422,
    "not_supported": 501,
    "busy": 503,
    "unavailable": 503,
}


@dataclass(slots=True)
class Desk:
    """What the calls need."""

    settings: GatewaySettings
    tokens: LiveTokens
    hub: Hub
    log: AlertLog
    reader: IncidentsReader
    figures: FiguresReader
    changes: Changes
    deliveries: DeliveriesReader
    rules: RuleSetStore
    routes: RuleSetStore
    clock: Clock
    _rooms: tuple[float, list[RoomFigures]] = (-_FRESH_S, [])
    _ruleset: tuple[int, RuleSet | None] = (0, None)

    @property
    def zone(self) -> ZoneInfo:
        """The deployment's time zone."""
        return ZoneInfo(self.settings.timezone)

    async def ruleset(self) -> RuleSet | None:
        """Return the rule set in force; None before there is one."""
        kept = await asked(self.rules.current)
        if kept is not None and kept.version != self._ruleset[0]:
            found, _ = await asyncio.to_thread(check_rules, kept.yaml)
            self._ruleset = (kept.version, found)
        return self._ruleset[1]

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
        said = Wording("需要有效的访问令牌", "a valid token is needed")
        raise ProblemError(401, "unauthorized", said, {"WWW-Authenticate": "Bearer"})
    return known


At = Annotated[Desk, Depends(_desk)]
By = Annotated[Caller, Depends(_caller)]
Id = Annotated[str, Path(min_length=1, max_length=64)]
Cursor = Annotated[str | None, Query(max_length=256, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return an answer in JSON."""
    return Response(orjson.dumps(body), status, headers=headers, media_type="application/json")


async def asked(ask: Callable[[], Awaitable[T]]) -> T:
    """Return what the store answers.

    Raises:
        StoreError: it does not.
    """
    try:
        return await ask()
    except RedisError as error:
        raise StoreError(f"the store does not answer: {str(error) or type(error).__name__}") from error


async def told(ask: Awaitable[Outcome | str]) -> Outcome | Response:
    """Return the outcome of a change, or the answer that it is taken and not confirmed.

    Raises:
        ProblemError: it is refused.
    """
    try:
        outcome = await ask
    except Refused as refused:
        raise refusal(refused.code, refused.detail) from refused
    if isinstance(outcome, str):
        return answer({"command_id": outcome, "status": "pending"}, 202)
    return outcome


def must(by: Caller, role: Role) -> None:
    """Let only a role through.

    Raises:
        ProblemError: the caller has a lesser one.
    """
    if not allows(by.role, role):
        raise refusal("forbidden", needs(role))


def refusal(code: Any, detail: Wording | str | None = None) -> ProblemError:
    """Return a refusal: the sentence for its code, and what is known beyond it."""
    return ProblemError(_STATUS[code], code, with_detail(message(code), detail))


def wrong_cursor(cursor: str) -> ProblemError:
    """Return the refusal of a cursor that a list does not have."""
    return ProblemError(422, "invalid", no_cursor(cursor))


def faulty(request: Request, what: Wording, faults: list[Fault]) -> Response:
    """Return the answer to a text with faults: path and message of each."""
    spoken = language(request)
    errors = [fault.to_record(spoken) for fault in faults]
    return problem(422, what, spoken, code="invalid", errors=errors)


def origin_of(request: Request) -> str:
    """Return from where a request comes, for the audit."""
    return request.client.host if request.client else ""


def place_of(alert: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return room and category of an alert, by which tokens are limited."""
    return alert["room_id"], alert.get("labels", {}).get("category")


def sees_silence(by: Caller, matchers: list[dict[str, str]]) -> bool:
    """Return whether a token sees a silence: not one that is for a room that it does not see."""
    rooms = [one["value"] for one in matchers if one["label"] == "room_id" and one["op"] == "="]
    return not by.scope.limited or not rooms or any(by.scope.sees(room, None) for room in rooms)
