"""``/api/v1/rules`` and ``/api/v1/routes``: whole sets, their history, and who would get an alert."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Header, Query, Request
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
    faulty,
    must,
    origin_of,
    refusal,
    wrong_cursor,
)
from alerts.gateway.messages import at_most
from alerts.gateway.problems import ProblemError, responses
from alerts.gateway.tokens import Caller, Role
from alerts.matching import Matcher, matches, values_of
from alerts.model import CommandName
from alerts.rulecheck import check as check_rules
from alerts.ruletext import TEXT_BYTES_MAX, Fault
from alerts.store.rule_sets import KeptSet, RuleSetStore
from alerts.wording import Wording

__all__ = ["router"]

Responses = dict[int | str, dict[str, Any]]
Check = Callable[[str], tuple[Any, list[Fault]]]
_COMMENT_MAX: Final = 1_000
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}

router: Final = APIRouter(prefix="/api/v1", responses=responses(401, 403, 413, 422, 429, 503))


@dataclass(frozen=True, slots=True)
class _Calls:
    """The calls of one kind of set.

    Args:
        name: `rules` or `routes`.
        stored: where they are kept.
        check: returns a set and every fault in it.
        read: the role that may see them; changing them needs ops.
        noted: what the audit calls a change.
    """

    name: str
    stored: Callable[[Desk], RuleSetStore]
    check: Check
    read: Role
    noted: CommandName

    def add_to(self, router: APIRouter) -> None:
        """Add the calls to a router."""
        path = f"/{self.name}"
        one: Responses = {200: {"model": schemas.SetRecord}}
        page: Responses = {200: {"model": schemas.SetPage}}
        changed: Responses = {**one, **responses(404, 412, 428)}
        add = partial(router.add_api_route, tags=[self.name])
        add(path, self.show, name=f"show {self.name}", responses=one)
        add(
            path,
            self.put,
            methods=["PUT"],
            name=f"put {self.name}",
            responses=changed,
            openapi_extra=_BODY,
        )
        add(f"{path}/history", self.history, name=f"history of {self.name}", responses=page)
        add(
            f"{path}/rollback",
            self.rollback,
            methods=["POST"],
            name=f"roll {self.name} back",
            responses=changed,
        )

    async def show(self, at: At, by: By) -> Response:
        """Show the set in force."""
        must(by, self.read)
        return _told(await _current(self.stored(at)))

    async def put(
        self,
        at: At,
        by: By,
        request: Request,
        if_match: Annotated[str | None, Header(description="version that it was made from")] = None,
        comment: Annotated[str, Query(max_length=_COMMENT_MAX)] = "",
    ) -> Response:
        """Put a set in force, one second from now; needs the role ops."""
        must(by, "ops")
        base = _matching(await _current(self.stored(at)), if_match, needed=True)
        text, said = _read(await request.body(), comment)
        return await self._take(at, by, request, base, text, said)

    async def history(self, at: At, by: By, limit: Limit = LIMIT, cursor: Cursor = None) -> Response:
        """List the versions, newest first."""
        must(by, self.read)
        store = self.stored(at)
        newest = await _current(store)
        if cursor is not None and not cursor.isdecimal():
            raise wrong_cursor(cursor)
        last = newest.version if cursor is None else min(newest.version, int(cursor) - 1)
        found = await asked(lambda: store.versions(last, count=limit)) if last > 0 else []
        items = [_record(kept) for kept in reversed(found)]
        return answer({"items": items, "next": str(items[-1]["version"]) if last > limit else None})

    async def rollback(
        self,
        at: At,
        by: By,
        request: Request,
        body: schemas.RollbackBody,
        if_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Make an older version the newest one again; needs the role ops."""
        must(by, "ops")
        store = self.stored(at)
        base = _matching(await _current(store), if_match, needed=False)
        old = await asked(lambda: store.version(body.version))
        if old is None:
            raise ProblemError(404, "not_found", _no_version(body.version))
        said = body.comment or f"rollback to version {body.version}"
        return await self._take(at, by, request, base, old.yaml, said)

    async def _take(
        self, at: Desk, by: Caller, request: Request, base: KeptSet, text: str, said: str
    ) -> Response:
        """Put a set in force, if it has no faults and nobody was faster."""
        _, faults = await asyncio.to_thread(self.check, text)
        if faults:
            return faulty(request, _stays(self.name, base.version), faults)
        origin, now_ms = origin_of(request), at.clock.now_ms()
        kept = await asked(
            lambda: self.stored(at).put(
                text, base=base, author=by.name, comment=said, origin=origin, now_ms=now_ms
            )
        )
        if kept is None:
            late = Wording(
                "已被他人抢先修改：请读取最新版本后重试",
                "somebody else was faster: read the newest set and try again",
            )
            raise ProblemError(412, "conflict", late)
        await at.changes.note(by, self.noted, f"version {kept.version}: {said}", origin=origin)
        return _told(kept)


_Calls("rules", lambda at: at.rules, check_rules, "viewer", "rules_changed").add_to(router)
_Calls("routes", lambda at: at.routes, routing.check, "ops", "routes_changed").add_to(router)


@router.post(
    "/routes/preview", tags=["routes"], responses={200: {"model": schemas.RoutePreview}, **responses(404)}
)
async def preview_routes(at: At, by: By, request: Request, body: schemas.RoutePreviewBody) -> Response:
    """Show who would get an alert; needs the role oncall."""
    must(by, "oncall")
    if body.routes is None:
        kept = await _current(at.routes)
        text, version = kept.yaml, kept.version
    else:
        must(by, "ops")
        text, version = body.routes, 0
    routes, faults = await asyncio.to_thread(routing.check, text, version)
    if routes is None:
        return faulty(request, Wording("路由有误", "the routes have faults"), faults)
    alert = await _previewed(at, by, body)
    at_ms = at.clock.now_ms() if body.at_ms is None else body.at_ms
    found = routing.plan(routes, alert, at_ms=at_ms, zone=at.zone)
    values, silences = values_of(alert), await asked(at.reader.silences)
    silenced = [one["id"] for one in silences if one["state"] == "active" and _matching_all(one, values)]
    return answer({"version": version, **found.to_record(), "silenced_by": silenced})


async def _previewed(at: Desk, by: Caller, body: schemas.RoutePreviewBody) -> dict[str, Any]:
    if body.id is None:
        alert = body.model_dump(include={"kind", "severity", "state", "room_id", "labels", "escalated_to"})
        return {**alert, "rule": body.rule or body.kind}
    found = await asked(lambda: at.reader.episode(body.id or ""))
    if found is None or not by.scope.sees(found[0]["room_id"], found[0]["labels"].get("category")):
        raise refusal("not_found", body.id)
    return found[0]


def _matching_all(silence: dict[str, Any], values: dict[str, str]) -> bool:
    return matches([Matcher(one["label"], one["op"], one["value"]) for one in silence["matchers"]], values)


async def _current(store: RuleSetStore) -> KeptSet:
    kept = await asked(store.current)
    if kept is None:
        said = Wording(
            "还没有任何版本：首个版本由 engine 写入", "there is no set yet: the engine writes the first one"
        )
        raise ProblemError(503, "unavailable", said)
    return kept


def _matching(kept: KeptSet, if_match: str | None, *, needed: bool) -> KeptSet:
    """Return the set if it is the one that the caller means.

    Raises:
        ProblemError: the caller does not say which one, or means another.
    """
    if if_match is None:
        if needed:
            said = Wording(
                "需要 If-Match：此内容所依据的版本",
                "If-Match is needed: the version that the set was made from",
            )
            raise ProblemError(428, "precondition", said)
        return kept
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in if_match.split(",")]
    if "*" not in tags and str(kept.version) not in tags:
        said = Wording(f"最新版本是 {kept.version}", f"the newest version is {kept.version}")
        raise ProblemError(412, "conflict", said)
    return kept


def _read(body: bytes, comment: str) -> tuple[str, str]:
    """Return text and comment: of the set itself, or of ``{yaml, comment}`` as GET gives it."""
    if len(body) > TEXT_BYTES_MAX:
        raise ProblemError(413, "too_large", at_most(TEXT_BYTES_MAX))
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise refusal("invalid", Wording("不是 UTF-8", f"not UTF-8: {error}")) from error
    if text.lstrip().startswith("{"):
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            return text, comment
        if isinstance(found, dict) and isinstance(found.get("yaml"), str):
            return found["yaml"], comment or str(found.get("comment") or "")[:_COMMENT_MAX]
    return text, comment


def _no_version(number: int) -> Wording:
    return Wording(f"没有版本 {number}", f"there is no version {number}")


def _stays(name: str, version: int) -> Wording:
    zh = {"rules": "规则", "routes": "路由"}[name]
    return Wording(f"{zh}有误，版本 {version} 继续有效", f"the {name} have faults; version {version} stays")


def _record(kept: KeptSet) -> dict[str, Any]:
    return {name: value for name, value in asdict(kept).items() if name != "origin"}


def _told(kept: KeptSet) -> Response:
    return answer(_record(kept), headers={"ETag": f'"{kept.version}"'})
