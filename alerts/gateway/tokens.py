"""Who may do what: tokens, roles, limits, and the guard of a gateway that has no tokens. Pure.

Tokens are kept as SHA-256 hashes: a token is 128 random bits or more, so a slow hash would add nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alerts.gateway.filters import EVERYTHING, Scope
from stream.errors import SettingsError

__all__ = [
    "SUBPROTOCOL",
    "Caller",
    "LiveTokens",
    "Role",
    "Token",
    "Tokens",
    "TokensFile",
    "allows",
    "foreign",
    "offered_token",
]

Role = Literal["viewer", "oncall", "ops"]
SUBPROTOCOL: Final = "roomwatch.v1"
_RANK: Final[dict[str, int]] = {"viewer": 0, "oncall": 1, "ops": 2}
_BEARER: Final = "bearer "
_IN_PROTOCOL: Final = "token."


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sends a request.

    Attributes:
        name: of the token; ``local`` on a gateway without tokens.
        role: what it may do.
        scope: what it sees.
    """

    name: str
    role: Role
    scope: Scope = EVERYTHING


def allows(role: Role, needed: Role) -> bool:
    """Return whether a role includes another."""
    return _RANK[role] >= _RANK[needed]


class Token(BaseModel):
    """A token as its file has it; the token itself stands nowhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=64)]
    role: Role
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    rooms: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    created: Annotated[str, Field(max_length=64)] | None = None
    created_by: Annotated[str, Field(max_length=64)] | None = None


class TokensFile(BaseModel):
    """The whole file; without any token nobody is let in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: Annotated[list[Token], Field(max_length=10_000)]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a deployment; none at all means that everyone who can connect is ``ops``."""

    _known: tuple[tuple[bytes, Caller], ...] = field(default=())
    configured: bool = False
    """Whether callers must show a token."""

    @property
    def callers(self) -> frozenset[Caller]:
        """Everyone who has a token."""
        return frozenset(caller for _, caller in self._known)

    @classmethod
    def parse(cls, text: str, *, source: str) -> Tokens:
        """Return the tokens of a file's text, YAML or JSON.

        Raises:
            SettingsError: names the file, the place in it and what is allowed.
        """
        try:
            file = TokensFile.model_validate(yaml.safe_load(text))
        except yaml.YAMLError as error:
            raise SettingsError(f"{source}: not YAML: {error}") from error
        except ValidationError as error:
            raise SettingsError(f"{source}: {_faults(error)}") from error
        names = [token.name for token in file.tokens]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise SettingsError(f"{source}: more than one token named {', '.join(sorted(repeated))}")
        return cls(
            tuple(
                (
                    bytes.fromhex(token.sha256),
                    Caller(token.name, token.role, Scope(token.rooms, token.categories)),
                )
                for token in file.tokens
            ),
            configured=True,
        )

    def caller(self, token: str | None) -> Caller | None:
        """Return who shows this token, None for nobody; takes as long whichever token matches."""
        if not self.configured:
            return Caller("local", "ops")
        if token is None:
            return None
        shown = hashlib.sha256(token.encode()).digest()
        found: Caller | None = None
        for digest, caller in self._known:
            if hmac.compare_digest(digest, shown):
                found = caller
        return found


@dataclass(slots=True)
class LiveTokens:
    """The tokens as they are now; whoever reads their file sets ``now``."""

    now: Tokens

    @property
    def configured(self) -> bool:
        """Whether callers must show a token."""
        return self.now.configured

    def caller(self, token: str | None) -> Caller | None:
        """Return who shows this token, None for nobody."""
        return self.now.caller(token)

    def knows(self, caller: Caller) -> bool:
        """Return whether somebody who was let in would be let in as the same again."""
        return not self.now.configured or caller in self.now.callers


def offered_token(authorization: str | None, subprotocols: Iterable[str]) -> str | None:
    """Return the token of a request: from ``Authorization: Bearer`` or the subprotocol ``token.<token>``."""
    if authorization is not None and authorization.lower().startswith(_BEARER):
        return authorization[len(_BEARER) :].strip()
    for offered in subprotocols:
        if offered.startswith(_IN_PROTOCOL):
            return offered.removeprefix(_IN_PROTOCOL)
    return None


def foreign(host: str | None, origin: str | None, *, hosts: frozenset[str], origins: frozenset[str]) -> bool:
    """Return whether a request to a gateway without tokens comes from a page of another site.

    A browser on this machine reaches the gateway from any page it shows. Such a request names the page's site
    in ``Origin``; where the site's own name was made to point here, it names that in ``Host``.

    Args:
        host: the header, None when missing.
        origin: the header, None when missing (no browser, or a page's own reading).
        hosts: names by which this gateway may be called.
        origins: other sites that may call.
    """
    if _hostname(f"//{host}") not in hosts:
        return True
    if origin is None or origin in origins:
        return False
    return origin.split("://", 1)[-1].lower() != (host or "").lower()


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _faults(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in _place(fault))}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False)
    )


def _place(fault: Any) -> tuple[Any, ...]:
    return tuple(fault["loc"]) or ("top level",)
