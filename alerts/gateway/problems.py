"""Errors of the HTTP interface: every one is ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from alerts.gateway.messages import Code, Locale, language_of, message, with_detail
from alerts.invalid import told
from alerts.wording import Wording
from stream.errors import RoomwatchError

__all__ = ["Problem", "ProblemError", "install", "language", "problem", "responses"]

_MEDIA: Final = "application/problem+json"
_FAULTS_MAX: Final = 20
_TITLES: Final[dict[int, str]] = {
    401: "未认证",
    403: "无权限",
    404: "不存在",
    405: "不支持的方法",
    409: "冲突",
    412: "版本已过期",
    413: "内容过大",
    422: "内容有误",
    428: "缺少前提条件",
    429: "请求过多",
    501: "未实现",
    503: "暂不可用",
}
"""Chinese for what HTTP calls a status."""


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
        detail: for people; told in the language that they ask for, else in the deployment's.
        headers: further headers of the answer.
    """

    def __init__(
        self, status: int, code: str, detail: Wording, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail.en)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers


def problem(
    status: int,
    detail: Wording | None,
    language: Locale,
    *,
    code: str | None = None,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """Return an error as the whole interface gives it."""
    body = {"type": "about:blank", "title": _title(status).of(language), "status": status}
    body |= {"detail": detail.of(language)} if detail else {}
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


def language(request: Request) -> Locale:
    """Return the language to answer in: the one that the caller wants, else the deployment's."""
    return language_of(request.headers.get("accept-language"), request.app.state.desk.settings.locale)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said: Any = error.detail
    if error.status_code == HTTPStatus.BAD_REQUEST:  # the framework's word for a body that is no JSON at all
        return problem(422, Wording("请求内容无法解析", str(said)), language(request), code="invalid")
    detail = said if isinstance(said, Wording) else _title(error.status_code)
    return problem(error.status_code, detail, language(request), headers=dict(error.headers or {}))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    spoken = language(request)
    faults = [
        {"path": ".".join(str(part) for part in fault["loc"]), "message": told(fault).of(spoken)}
        for fault in error.errors()[:_FAULTS_MAX]
    ]
    detail = Wording("请求内容有误", "the request is not as it must be")
    return problem(422, detail, spoken, code="invalid", errors=faults)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem(error.status, error.detail, language(request), code=error.code, headers=error.headers)


async def _away(request: Request, error: Exception) -> Response:
    """Store and broker away are the errors of ours that reach this place."""
    code: Code = "unavailable"
    detail = with_detail(message(code), str(error))
    return problem(503, detail, language(request), code=code, headers={"Retry-After": "1"})


def _title(status: int) -> Wording:
    phrase = HTTPStatus(status).phrase
    return Wording(_TITLES.get(status, phrase), phrase)
