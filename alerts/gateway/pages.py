"""What is neither a socket nor ``/api/v1``: the console, runbooks, health and own metrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Request
from fastapi import Path as InPath
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.responses import Response

from alerts.gateway import schemas
from alerts.gateway.messages import Locale
from alerts.gateway.problems import ProblemError, language, problem, responses
from alerts.gateway.runbookpage import page
from alerts.wording import Wording

__all__ = ["CONSOLE", "RUNBOOKS", "console", "health"]

CONSOLE: Final = Path(__file__).resolve().parent.parent / "console"
RUNBOOKS: Final = Path(__file__).resolve().parents[2] / "deploy" / "runbooks"
_FILES: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/console/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/console/view.js": ("view.js", "text/javascript; charset=utf-8"),
    "/console/feed.js": ("feed.js", "text/javascript; charset=utf-8"),
    "/console/named.js": ("named.js", "text/javascript; charset=utf-8"),
    "/console/words.js": ("words.js", "text/javascript; charset=utf-8"),
    "/console/style.css": ("style.css", "text/css; charset=utf-8"),
    "/console/icon.svg": ("icon.svg", "image/svg+xml"),
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}


def console() -> APIRouter:
    """Return the routes of the console page; its files are read once."""
    routes = APIRouter(include_in_schema=False)
    for path, (name, media) in _FILES.items():
        _add_file(routes, path, (CONSOLE / name).read_bytes(), media)

    @routes.get("/console/runbooks.json")
    async def known() -> Response:
        return Response(orjson.dumps(_runbooks()), media_type="application/json", headers=_HEADERS)

    return routes


def _runbooks() -> list[str]:
    """Return the addresses of the runbooks that there are."""
    kinds = {file.name.split(".")[0] for file in RUNBOOKS.glob("*.md")}
    return sorted(f"/runbooks/{kind}" for kind in kinds)


def _add_file(routes: APIRouter, path: str, content: bytes, media: str) -> None:
    async def give() -> Response:
        return Response(content, media_type=media, headers=_HEADERS)

    routes.add_api_route(path, give, methods=["GET", "HEAD"])


def health(registry: CollectorRegistry, silent: Sequence[str], locale: Locale) -> APIRouter:
    """Return ``/healthz``, ``/readyz``, ``/metrics`` and the runbooks.

    Args:
        registry: the gateway's own metrics.
        silent: the stages that are silent now; the list is kept up to date by others.
        locale: language of the runbooks.
    """
    routes = APIRouter()

    @routes.get("/healthz", tags=["health"], responses={200: {"model": schemas.Health}})
    async def lives() -> Response:
        """Tell that the process lives."""
        return _status("ok")

    @routes.get("/readyz", tags=["health"], responses={200: {"model": schemas.Health}, **responses(503)})
    async def works(request: Request) -> Response:
        """Tell whether alerts come through; 503 names the silent stages."""
        if silent:
            named = list(silent)
            names = ", ".join(named)
            said = Wording(f"没有响应：{names}", f"silent: {names}")
            return problem(503, said, language(request), code="degraded", degraded=named)
        return _status("ready")

    @routes.get("/metrics", tags=["health"], response_class=Response)
    async def metrics() -> Response:
        """Give the gateway's own metrics as Prometheus text."""
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @routes.get("/runbooks/{kind}", tags=["runbooks"], response_class=Response, responses=responses(404, 422))
    async def runbook(
        request: Request,
        kind: Annotated[str, InPath(pattern=r"^[a-z_]{1,40}$")],
        lang: Locale | None = None,
    ) -> Response:
        """Give the runbook of a kind in a language or that of the deployment: a page, else Markdown."""
        for name in (f"{kind}.{lang or locale}.md", f"{kind}.md"):
            file = RUNBOOKS / name
            if not file.is_file():
                continue
            text = file.read_text(encoding="utf-8")
            headers = {**_HEADERS, "Vary": "Accept"}
            if "text/html" in request.headers.get("accept", ""):
                shown = page(text, lang or locale)
                return Response(shown, media_type="text/html; charset=utf-8", headers=headers)
            return Response(text, media_type="text/markdown; charset=utf-8", headers=headers)
        said = Wording(f"没有 {kind} 的处置手册", f"there is no runbook for {kind}")
        raise ProblemError(404, "not_found", said)

    return routes


def _status(status: str) -> Response:
    return Response(orjson.dumps({"status": status}), media_type="application/json")
