"""The protocol of one WebSocket client, without I/O: what its frames mean, where it goes on after a break."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from alerts.gateway.filters import Filter, Scope
from alerts.gateway.messages import Code, Locale, message, with_detail
from alerts.gateway.records import text_frame
from alerts.model import SEVERITY_RANK, Severity, State
from alerts.wording import Wording

__all__ = [
    "BAD_FRAMES_MAX",
    "COMMAND_BYTES_MAX",
    "Ack",
    "BadFrame",
    "Gap",
    "Ref",
    "Request",
    "Resolve",
    "Resume",
    "Silence",
    "Start",
    "Subscribe",
    "Verdict",
    "answer",
    "error",
    "parse",
    "start",
]

BAD_FRAMES_MAX: Final = 10
"""The client is closed with the tenth; from the contract."""
COMMAND_BYTES_MAX: Final = 32 * 1024
"""Largest frame that asks for a change, bytes: a silence of 20 matchers of 500 characters, escaped, and its
comment. A subscription may name thousands of rooms; it is bounded by what the server takes at all."""
_REF_MAX: Final = 128

Ref = str | int | None
Verdict = Literal["real", "false_alarm", "expected", "duplicate"]
Id = Annotated[str, Field(min_length=1, max_length=64)]
Comment = Annotated[str, Field(max_length=1000)]
AckSeconds = Annotated[int, Field(ge=1, le=7 * 24 * 3600)]
"""How long an acknowledgement holds, seconds; up to a week."""


class _Frame(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    ref: Annotated[str, Field(max_length=_REF_MAX)] | int | None = None


class Resume(BaseModel):
    """Where a client was when it was last connected."""

    model_config = ConfigDict(strict=True, frozen=True)

    epoch: Annotated[str, Field(max_length=64)]
    offset: Annotated[int, Field(ge=-1, le=2**63 - 2)]


class Subscribe(_Frame):
    """Asks for alerts from now on, or from where it was."""

    op: Literal["subscribe"]
    rooms: Annotated[list[Id], Field(max_length=10_000)] | Literal["*"]
    kinds: Annotated[list[Id], Field(max_length=100)] | None = None
    min_severity: Severity = "info"
    states: Annotated[list[State], Field(max_length=5)] | None = None
    locale: Locale | None = None
    resume: Resume | None = None

    def filter(self, scope: Scope) -> Filter:
        """Return the filter that it asks for, within the limits of its token."""
        return Filter(
            scope=scope,
            rooms=None if self.rooms == "*" else frozenset(self.rooms),
            kinds=None if self.kinds is None else frozenset(self.kinds),
            severity_rank=SEVERITY_RANK[self.min_severity],
            states=None if self.states is None else frozenset(self.states),
        )


class Ack(_Frame):
    """Says that a person looks after an alert."""

    op: Literal["ack"]
    id: Id
    comment: Comment
    for_s: AckSeconds | None = None
    verdict: Verdict | None = None


class Resolve(_Frame):
    """Says that an alert is over."""

    op: Literal["resolve"]
    id: Id
    comment: Comment
    verdict: Verdict | None = None


class SilenceMatcher(BaseModel):
    """One condition of a silence."""

    model_config = ConfigDict(strict=True, frozen=True)

    label: Id
    op: Literal["=", "!=", "=~"]
    value: Annotated[str, Field(max_length=500)]


class Silence(_Frame):
    """Asks for a silence: the body of the HTTP call."""

    op: Literal["silence"]
    matchers: Annotated[list[SilenceMatcher], Field(min_length=1, max_length=20)]
    ends_at_ms: Annotated[int, Field(ge=0, le=2**53)]
    starts_at_ms: Annotated[int, Field(ge=0, le=2**53)] | None = None
    comment: Comment
    idle_s: Annotated[int, Field(ge=60, le=366 * 86_400)] | None = None

    def body(self) -> dict[str, Any]:
        """Return the body of the HTTP call."""
        return self.model_dump(exclude={"op", "ref"})


Request = Subscribe | Ack | Resolve | Silence
_REQUESTS: Final[TypeAdapter[Request]] = TypeAdapter(Annotated[Request, Field(discriminator="op")])


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A frame that is none of the protocol; ``of`` and ``ref`` where they could be read."""

    detail: str
    of: str | None = None
    ref: Ref = None
    code: Code = "bad_frame"


def parse(text: str | bytes) -> Request | BadFrame:
    """Return what a client's frame asks for."""
    try:
        frame = orjson.loads(text)
    except ValueError as fault:
        return BadFrame(f"not JSON: {fault}")
    if not isinstance(frame, dict):
        return BadFrame("not an object")
    op, ref = frame.get("op"), frame.get("ref")
    of = op if isinstance(op, str) and len(op) <= _REF_MAX else None
    known_ref: Ref = ref if isinstance(ref, int) or (isinstance(ref, str) and len(ref) <= _REF_MAX) else None
    size = len(text.encode() if isinstance(text, str) else text)
    if of != "subscribe" and size > COMMAND_BYTES_MAX:
        detail = f"{size} bytes, at most {COMMAND_BYTES_MAX} for anything but subscribe"
        return BadFrame(detail, of, known_ref, "too_large")
    try:
        return _REQUESTS.validate_python(frame)
    except ValidationError as error_:
        wrong = error_.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in wrong["loc"]) or "op"
        return BadFrame(f"{place}: {wrong['msg']}", of, known_ref)


def answer(op: str, *, ref: Ref = None, **fields: Any) -> bytes:
    """Return a frame of the server, with the client's ``ref`` where it gave one."""
    body = {"op": op, **fields}
    if ref is not None:
        body["ref"] = ref
    return text_frame(orjson.dumps(body))


def error(
    of: str | None, code: Code, locale: Locale, *, ref: Ref = None, detail: Wording | str | None = None
) -> bytes:
    """Return an ``error`` frame; ``detail`` is added to the sentence."""
    said = with_detail(message(code), detail).of(locale)
    return answer("error", of=of, code=code, message=said, ref=ref)


@dataclass(frozen=True, slots=True)
class Gap:
    """Records that the client cannot have, both ends included."""

    first: int
    last: int
    reason: Literal["retention", "epoch"]

    def frame(self) -> bytes:
        """Return it as a frame."""
        return answer("gap", **{"from": self.first, "to": self.last, "reason": self.reason})


@dataclass(frozen=True, slots=True)
class Start:
    """Where a subscription begins.

    Attributes:
        next: offset of the first record that it is considered for.
        shown_after: what was shown to others at a higher offset counts as shown to it; see ``Filter.passes``.
        gap: what it cannot have.
    """

    next: int
    shown_after: int
    gap: Gap | None = None


def start(resume: Resume | None, *, epoch: str, first: int, end: int) -> Start:
    """Return where a subscription begins.

    Args:
        resume: where the client was, None for a new one.
        epoch: the log's epoch.
        first: lowest offset that the log still has; ``end + 1`` when it has none.
        end: offset of its newest record, -1 when none.
    """
    if resume is None:
        return Start(next=end + 1, shown_after=end)
    if resume.epoch != epoch or resume.offset > end:
        return Start(end + 1, -1, Gap(min(first, end), end, "epoch"))
    wanted = resume.offset + 1
    if wanted < first:
        return Start(first, -1, Gap(wanted, first - 1, "retention"))
    return Start(wanted, -1)
