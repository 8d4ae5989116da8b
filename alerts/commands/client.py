"""Calls of a gateway's HTTP interface for the commands, and the options that all of them share."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import click

from alerts.commands.words import word
from alerts.tail.here import default_url
from stream.errors import ServiceError, SettingsError

__all__ = ["Asking", "Gateway", "asking"]

_ANSWER_S: Final = 15.0
_FAULTS_SHOWN: Final = 20
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~-]+")
"""What tokens are made of; from the contract."""
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway to ask.

    Attributes:
        url: its address, ``http://`` or ``https://``.
        token: access token, None for a gateway without tokens.
        locale: of what it says when it refuses.

    Raises:
        SettingsError: the address is none, or the token cannot be one.
    """

    url: str
    token: str | None
    locale: str = "zh"

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(f"--url: {self.url!r} is not an address such as http://127.0.0.1:8700")
        if self.token is not None and _TOKEN.fullmatch(self.token) is None:
            raise SettingsError("--token: a token is made of A-Z a-z 0-9 - _ . ~ alone")

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the answer's value; ``body`` is sent as it is when it is text, else as JSON.

        Raises:
            ServiceError: the gateway does not answer, or refuses; the text is what it says.
        """
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = f"{self.url.rstrip('/')}/api/v1{path}"
        if given:
            url += f"?{urllib.parse.urlencode(given)}"
        sent = {"Accept-Language": self.locale, **(headers or {})}
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        content = None
        if body is not None:
            content = (body if isinstance(body, str) else json.dumps(body)).encode()
            sent["Content-Type"] = "application/yaml" if isinstance(body, str) else "application/json"
        request = urllib.request.Request(url, content, sent, method=method)  # noqa: S310 - checked above
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_S) as response:  # noqa: S310 - likewise
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise ServiceError(f"{self.url} {word('refuses', self.locale)}: {_problem(error)}") from error
        except (urllib.error.URLError, OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise ServiceError(f"{self.url} {word('no_answer', self.locale)}: {reason}") from error

    def all(self, path: str, *, query: Mapping[str, Any] | None = None, limit: int) -> list[Any]:
        """Return the items of a list, page after page, at most ``limit``."""
        items: list[Any] = []
        cursor = None
        while len(items) < limit:
            wanted = {**(query or {}), "limit": min(1_000, limit - len(items)), "cursor": cursor}
            page = self.ask("GET", path, query=wanted)
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        return items


@dataclass(frozen=True, slots=True)
class Asking:
    """What every command is given: the gateway, the language, and whether JSON is wanted."""

    gateway: Gateway
    locale: str
    as_json: bool


def asking(command: F) -> F:
    """Add the options that every command has; they come as one argument, ``asking``."""

    def collect(
        *args: Any, url: str | None, token: str | None, locale: str, as_json: bool, **more: Any
    ) -> Any:
        gateway = Gateway(url or default_url(), token, locale)
        return command(*args, asking=Asking(gateway, locale, as_json), **more)

    collect.__name__, collect.__doc__ = command.__name__, command.__doc__
    collect.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined] # click's own
    made: Any = collect
    for option in (
        click.option("--json", "as_json", is_flag=True, help="JSON, for scripts"),
        click.option("--locale", type=click.Choice(["zh", "en"]), envvar="ROOMWATCH_LOCALE", default="zh"),
        click.option(
            "--token", envvar="ROOMWATCH_TOKEN", help="access token; better given as ROOMWATCH_TOKEN"
        ),
        click.option("--url", help="the gateway; default ROOMWATCH_GATEWAY_HOST and _PORT"),
    ):
        made = option(made)
    return made  # type: ignore[no-any-return] # click hands over what it was given


def _problem(error: urllib.error.HTTPError) -> str:
    """Return what a refusal says, with its faults."""
    try:
        found = json.load(error)
        detail = str(found.get("detail") or found.get("title"))
        faults = [str(fault["message"]) for fault in found.get("errors") or []]
    except (ValueError, AttributeError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
    return "\n  ".join([f"{error.code} {detail}", *faults[:_FAULTS_SHOWN]])
