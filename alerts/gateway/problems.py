"""Errors of the HTTP interface: every one is ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from stream.errors import RoomwatchError

__all__ = ["Problem", "ProblemError", "install", "problem", "responses"]

_MEDIA: Final = "application/problem+json"
_FAULTS_MAX: Final = 20


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    path: str = Field(description="where: `query.limit`, `body.comment`")
    message: str


class Problem(BaseModel):
    """What every error looks like."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    code: str | None = Field(None, description="for programs; the same codes as on the WebSocket")
    errors: list[Fault] | None = Field(None, description="what is wrong with the request, at most 20")


class ProblemError(Exception):
    """Answers a request with a problem.

    Attributes:
        status: HTTP status.
        code: for programs.
        detail: for people.
        headers: further headers of the answer.
        said: the detail by language, for those who ask for another one than the deployment's.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        headers: dict[str, str] | None = None,
        *,
        said: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.said = said or {}
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers


def problem(
    status: int,
    detail: str | None = None,
    *,
    code: str | None = None,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """Return an error as the whole interface gives it."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body |= {"detail": detail} if detail else {}
    body |= {"code": code} if code else {}
    return Response(orjson.dumps(body | more), status, headers=headers, media_type=_MEDIA)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of a call's errors for OpenAPI."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {_MEDIA: {"schema": schema}}}
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Make every error of the application a problem."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ProblemError, _ours)
    app.add_exception_handler(RoomwatchError, _away)


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.BAD_REQUEST:  # the framework's word for a body that is no JSON at all
        return problem(422, str(error.detail), code="invalid")
    return problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [
        {"path": ".".join(str(part) for part in fault["loc"]), "message": fault["msg"]}
        for fault in error.errors()[:_FAULTS_MAX]
    ]
    return problem(422, "the request is not as it must be", code="invalid", errors=faults)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    wanted = request.headers.get("accept-language", "")[:2].lower()
    detail = error.said.get(wanted, error.detail)
    return problem(error.status, detail, code=error.code, headers=error.headers)


async def _away(_request: Request, error: Exception) -> Response:
    """Store and broker away are the errors of ours that reach this place."""
    return problem(503, str(error), code="unavailable", headers={"Retry-After": "1"})
