"""``/api/v1/rules`` and ``/api/v1/routes``: whole sets, their history, and who would get an alert."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from alerts import routing
from alerts.gateway import schemas
from alerts.gateway.calls import LIMIT, At, By, Cursor, Desk, Limit, answer, asked, faulty, must, origin_of
from alerts.gateway.problems import ProblemError, responses
from alerts.gateway.tokens import Caller, Role
from alerts.matching import Matcher, matches, values_of
from alerts.model import CommandName
from alerts.rulecheck import check as check_rules
from alerts.ruletext import TEXT_BYTES_MAX, Fault
from alerts.store.rule_sets import KeptSet, RuleSetStore

__all__ = ["router"]

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


def _add(name: str, stored: Callable[[Desk], RuleSetStore], check: Check, read: Role) -> None:
    """Add the calls of one kind of set.

    Args:
        name: `rules` or `routes`.
        stored: where they are kept.
        check: returns a set and every fault in it.
        read: the role that may see them; changing them needs ops.
    """
    noted: CommandName = "rules_changed" if name == "rules" else "routes_changed"

    async def show(at: At, by: By) -> Response:
        must(by, read, at.settings.locale)
        return _told(await _current(stored(at)))

    async def put(
        at: At,
        by: By,
        request: Request,
        if_match: Annotated[str | None, Header(description="version that it was made from")] = None,
        comment: Annotated[str, Query(max_length=_COMMENT_MAX)] = "",
    ) -> Response:
        must(by, "ops", at.settings.locale)
        base = _matching(await _current(stored(at)), if_match, needed=True)
        text, said = _read(await request.body(), comment)
        return await take(at, by, request, base, text, said)

    async def history(at: At, by: By, limit: Limit = LIMIT, cursor: Cursor = None) -> Response:
        must(by, read, at.settings.locale)
        newest = await _current(stored(at))
        if cursor is not None and not cursor.isdecimal():
            raise ProblemError(422, "invalid", f"{cursor!r} is no cursor of this list")
        last = newest.version if cursor is None else min(newest.version, int(cursor) - 1)
        found = await asked(lambda: stored(at).versions(last, count=limit)) if last > 0 else []
        items = [_record(kept) for kept in reversed(found)]
        return answer({"items": items, "next": str(items[-1]["version"]) if last > limit else None})

    async def rollback(
        at: At,
        by: By,
        request: Request,
        body: schemas.RollbackBody,
        if_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        must(by, "ops", at.settings.locale)
        base = _matching(await _current(stored(at)), if_match, needed=False)
        old = await asked(lambda: stored(at).version(body.version))
        if old is None:
            raise ProblemError(404, "not_found", f"there is no version {body.version}")
        said = body.comment or f"rollback to version {body.version}"
        return await take(at, by, request, base, old.yaml, said)

    async def take(at: Desk, by: Caller, request: Request, base: KeptSet, text: str, said: str) -> Response:
        _, faults = await asyncio.to_thread(check, text)
        if faults:
            return faulty(f"the {name} have faults; version {base.version} stays", faults)
        origin = origin_of(request)
        now_ms = at.clock.now_ms()
        kept = await asked(
            lambda: stored(at).put(
                text, base=base, author=by.name, comment=said, origin=origin, now_ms=now_ms
            )
        )
        if kept is None:
            raise ProblemError(412, "conflict", "somebody else was faster: read the newest set and try again")
        await at.changes.note(by, noted, f"version {kept.version}: {said}", origin=origin)
        return _told(kept)

    changed: dict[int | str, dict[str, Any]] = {200: {"model": schemas.SetRecord}, **responses(404, 412, 428)}
    ok: dict[int | str, dict[str, Any]] = {200: {"model": schemas.SetRecord}}
    page: dict[int | str, dict[str, Any]] = {200: {"model": schemas.SetPage}}
    one: dict[str, Any] = {"tags": [name]}
    router.add_api_route(f"/{name}", show, name=f"show {name}", responses=ok, **one)
    router.add_api_route(
        f"/{name}", put, methods=["PUT"], name=f"put {name}", responses=changed, openapi_extra=_BODY, **one
    )
    router.add_api_route(f"/{name}/history", history, name=f"history of {name}", responses=page, **one)
    router.add_api_route(
        f"/{name}/rollback", rollback, methods=["POST"], name=f"roll {name} back", responses=changed, **one
    )


_add("rules", lambda at: at.rules, check_rules, "viewer")
_add("routes", lambda at: at.routes, routing.check, "ops")


@router.post(
    "/routes/preview", tags=["routes"], responses={200: {"model": schemas.RoutePreview}, **responses(404)}
)
async def preview_routes(at: At, by: By, body: schemas.RoutePreviewBody) -> Response:
    """Show who would get an alert; needs the role oncall."""
    must(by, "oncall", at.settings.locale)
    if body.routes is None:
        kept = await _current(at.routes)
        text, version = kept.yaml, kept.version
    else:
        must(by, "ops", at.settings.locale)
        text, version = body.routes, 0
    routes, faults = await asyncio.to_thread(routing.check, text, version)
    if routes is None:
        return faulty("the routes have faults", faults)
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
        raise ProblemError(404, "not_found", f"there is no alert {body.id}")
    return found[0]


def _matching_all(silence: dict[str, Any], values: dict[str, str]) -> bool:
    return matches([Matcher(one["label"], one["op"], one["value"]) for one in silence["matchers"]], values)


async def _current(store: RuleSetStore) -> KeptSet:
    kept = await asked(store.current)
    if kept is None:
        raise ProblemError(503, "unavailable", "there is no set yet: the engine writes the first one")
    return kept


def _matching(kept: KeptSet, if_match: str | None, *, needed: bool) -> KeptSet:
    """Return the set if it is the one that the caller means.

    Raises:
        ProblemError: the caller does not say which one, or means another.
    """
    if if_match is None:
        if needed:
            raise ProblemError(
                428, "precondition", "If-Match is needed: the version that the set was made from"
            )
        return kept
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in if_match.split(",")]
    if "*" not in tags and str(kept.version) not in tags:
        raise ProblemError(412, "conflict", f"the newest version is {kept.version}")
    return kept


def _read(body: bytes, comment: str) -> tuple[str, str]:
    """Return text and comment: of the set itself, or of ``{yaml, comment}`` as GET gives it."""
    if len(body) > TEXT_BYTES_MAX:
        raise ProblemError(413, "too_large", f"at most {TEXT_BYTES_MAX} bytes")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ProblemError(422, "invalid", f"not UTF-8: {error}") from error
    if text.lstrip().startswith("{"):
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            return text, comment
        if isinstance(found, dict) and isinstance(found.get("yaml"), str):
            return found["yaml"], comment or str(found.get("comment") or "")[:_COMMENT_MAX]
    return text, comment


def _record(kept: KeptSet) -> dict[str, Any]:
    return {name: value for name, value in asdict(kept).items() if name != "origin"}


def _told(kept: KeptSet) -> Response:
    return answer(_record(kept), headers={"ETag": f'"{kept.version}"'})
