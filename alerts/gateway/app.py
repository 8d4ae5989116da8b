"""The gateway's ASGI application: HTTP by FastAPI, sockets beside it, and the guard before both."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from fastapi import FastAPI, HTTPException
from prometheus_client import CollectorRegistry
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.gateway import api, backtests, oncall, pages, sets, silences
from alerts.gateway.calls import Desk
from alerts.gateway.limits import Limiter
from alerts.gateway.messages import Locale, at_most, language_of
from alerts.gateway.problems import Problem, install, problem
from alerts.gateway.settings import GatewaySettings
from alerts.gateway.sockets import Sockets
from alerts.gateway.tokens import foreign
from alerts.wording import Wording

__all__ = ["make_app", "make_http"]

_BODY_MAX: Final = 256 * 1024
"""Largest request body, bytes; a set of rules of that size still fits into the object that GET gives."""
_SAFE: Final = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))


def make_http(
    desk: Desk, registry: CollectorRegistry, silent: Sequence[str], tests: backtests.Backtests
) -> FastAPI:
    """Return the HTTP part."""
    app = FastAPI(
        title="roomwatch gateway",
        version="1",
        description="Alerts and rooms of live-commerce monitoring; docs/api.md describes the WebSocket.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    install(app)
    app.state.desk = desk
    app.state.backtests = tests
    for part in (oncall, api, silences, sets):
        app.include_router(part.router)
    app.include_router(backtests.router)
    app.include_router(pages.health(registry, silent, desk.settings.locale))
    app.include_router(pages.console())
    _describe_problems(app)
    return app


def make_app(http: FastAPI, sockets: Sockets, settings: GatewaySettings, *, guarded: bool) -> ASGIApp:
    """Return the whole application.

    Args:
        http: the HTTP part.
        sockets: the WebSocket part.
        settings: hosts and origins that may call.
        guarded: whether pages of other sites are kept out, because no token keeps them out.
    """
    limiter = Limiter(settings.gateway_calls_per_s, settings.gateway_calls_burst)
    inner: ASGIApp = _Limited(_Bounded(http), limiter, settings.locale)
    if guarded:
        inner = _Guard(inner, settings)
    if settings.origins:
        inner = CORSMiddleware(
            inner,
            allow_origins=sorted(settings.origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "If-Match"],
            expose_headers=["ETag", "Retry-After"],
        )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await sockets(scope, receive, send)
        else:
            await inner(scope, receive, send)

    return app


class _Guard:
    """Keeps pages of other sites out."""

    def __init__(self, app: ASGIApp, settings: GatewaySettings) -> None:
        self._app = app
        self._locale = settings.locale
        self._hosts = settings.hosts
        self._origins = settings.origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            if foreign(headers.get("host"), headers.get("origin"), hosts=self._hosts, origins=self._origins):
                said = Wording("来自其他网站的请求", "called from another site")
                answer = problem(403, said, _language(scope, self._locale), code="forbidden")
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _Limited:
    """Answers 429 to a token or an address that calls too often."""

    def __init__(self, app: ASGIApp, limiter: Limiter, locale: Locale) -> None:
        self._app = app
        self._limiter = limiter
        self._locale = locale

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            wait_s = self._limiter.wait_s(_caller_key(scope), time.monotonic())
            if wait_s > 0:
                headers = {"Retry-After": str(math.ceil(wait_s))}
                said = Wording("请求过于频繁，请稍后再试", "too many calls, try again later")
                answer = problem(429, said, _language(scope, self._locale), code="busy", headers=headers)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _language(scope: Scope, locale: Locale) -> Locale:
    """Return the language to answer in, before the framework has seen the request."""
    accepted = next((value for name, value in scope["headers"] if name == b"accept-language"), b"")
    return language_of(accepted.decode("latin-1"), locale)


def _caller_key(scope: Scope) -> str:
    """Return what tells callers apart: the token's hash and the address, so that nobody uses up another's."""
    shown = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    return hashlib.sha256(shown).hexdigest()[:16] + (scope.get("client") or ("",))[0]


class _Bounded:
    """Bounds request bodies and adds the headers that every answer carries."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def give(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_SAFE]
            await send(message)

        await self._app(scope, _bounded(receive), give)


def _bounded(receive: Receive) -> Callable[[], Awaitable[Message]]:
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > _BODY_MAX:
            raise HTTPException(413, at_most(_BODY_MAX))
        return message

    return bounded


def _describe_problems(app: FastAPI) -> None:
    """Put the shape of errors into OpenAPI, and take out the framework's own."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = made()
            schemas = schema["components"]["schemas"]
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            own = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= own.pop("$defs")
            schemas["Problem"] = own
        return app.openapi_schema or schema

    app.openapi = openapi  # type: ignore[method-assign] # the way that the framework documents
