"""Silences: what they hide, when they begin, and when they end: in time, by hand, or because nothing matches.

Pure; the clock is an argument. Bounds: ``OPEN_MAX`` that have not ended, ``ENDED_MAX`` ended ones, known for
35 days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from alerts.matching import MATCHERS_MAX, VALUE_MAX, Matcher, matches, parse_matcher
from alerts.wording import Wording

__all__ = [
    "ENDED_MAX",
    "IDLE_S",
    "OPEN_MAX",
    "Refusal",
    "Silence",
    "SilenceEnd",
    "Silences",
    "checked",
    "read_matchers",
]

OPEN_MAX: Final = 1_000
"""Most silences that have not ended; each is tried on each change of an alert."""
ENDED_MAX: Final = 1_000
"""Most ended silences that are known; past it the oldest are forgotten."""
IDLE_S: Final = 24 * 3_600
"""A silence that has hidden nothing for so long ends by itself, unless it says otherwise; seconds."""
KEEP_MS: Final = 35 * 24 * 3_600_000
LONGEST_MS: Final = 366 * 24 * 3_600_000
"""Longest silence; what is to be quiet for ever belongs into a rule."""

_HIDES_ALL: Final = Wording(
    "至少一个匹配条件不能匹配空文本，否则会屏蔽所有告警",
    "at least one matcher must not match the empty text, or all alerts would be hidden",
)
_OVER: Final = Wording(
    "结束时间（ends_at_ms）必须晚于开始时间和当前时间", "ends_at_ms must be after its start and after now"
)
_TOO_LONG: Final = Wording("静默最长 366 天", "a silence holds for 366 days at most")

SilenceState = Literal["pending", "active", "ended"]
SilenceEnd = Literal["expired", "unmatched", "by_hand"]


class Refusal(ValueError):  # noqa: N818 - an outcome, not a failure
    """A silence that is not made.

    Attributes:
        said: why, for people.
    """

    def __init__(self, said: Wording) -> None:
        super().__init__(said.en)
        self.said = said


class Silence(msgspec.Struct, frozen=True):
    """A silence as it is kept and shown.

    Attributes:
        matchers: all must match; as they were written.
        idle_s: it ends when it has hidden nothing for so long.
        matched_at_ms: when it last hid something, or began; None before it began.
        hidden: alerts that it has hidden so far.
        offset: of the command that made it; the order of silences.
    """

    id: str
    matchers: tuple[dict[str, str], ...]
    starts_at_ms: int
    ends_at_ms: int
    comment: str
    by: str
    created_at_ms: int
    idle_s: int = IDLE_S
    state: SilenceState = "pending"
    matched_at_ms: int | None = None
    hidden: int = 0
    ended_at_ms: int | None = None
    end_reason: SilenceEnd | None = None
    ended_by: str | None = None
    offset: int = 0

    def to_record(self) -> dict[str, Any]:
        """Return it as the interface has it."""
        record: dict[str, Any] = msgspec.to_builtins(self)
        return record


def read_matchers(written: Any) -> tuple[Matcher, ...]:
    """Return matchers as they were written, checked.

    Raises:
        Refusal: there are none, too many, one is wrong, or together they match everything.
    """
    if not isinstance(written, list | tuple) or not 1 <= len(written) <= MATCHERS_MAX:
        raise Refusal(
            Wording(f"需要 1 到 {MATCHERS_MAX} 个匹配条件", f"1 to {MATCHERS_MAX} matchers are needed")
        )
    try:
        found = tuple(parse_matcher(one) for one in written)
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal(Wording(f"匹配条件有误：{error}", f"matchers: {error}")) from error
    if any(len(one.value) > VALUE_MAX for one in found):
        raise Refusal(Wording(f"值最多 {VALUE_MAX} 个字符", f"a value has at most {VALUE_MAX} characters"))
    if all(one.matches({}) for one in found):
        raise Refusal(_HIDES_ALL)
    return found


def checked(written: Mapping[str, Any], *, now_ms: int) -> tuple[tuple[Matcher, ...], int, int]:
    """Return matchers, begin and end of a silence that is asked for; epoch milliseconds.

    Raises:
        Refusal: it is not as it must be.
    """
    matchers = read_matchers(written.get("matchers"))
    begins, ends = written.get("starts_at_ms"), written.get("ends_at_ms")
    begins = now_ms if begins is None else max(int(begins), now_ms)
    if not isinstance(ends, int) or ends <= begins:
        raise Refusal(_OVER)
    if ends - begins > LONGEST_MS:
        raise Refusal(_TOO_LONG)
    return matchers, begins, ends


class Silences:
    """All silences; iteration is in the order in which they were made."""

    def __init__(self) -> None:
        self._known: dict[str, Silence] = {}
        self._matchers: dict[str, tuple[Matcher, ...]] = {}
        self._hiding: dict[str, set[str]] = {}
        self.touched: set[str] = set()
        """Ids of those that changed; whoever keeps them empties it."""

    def load(self, kept: Mapping[str, bytes]) -> None:
        """Take over what the store kept."""
        found = sorted(
            (msgspec.json.decode(value, type=Silence) for value in kept.values()),
            key=lambda silence: silence.offset,
        )
        for silence in found:
            self._known[silence.id] = silence
            if silence.state != "ended":
                self._matchers[silence.id] = read_matchers(silence.matchers)

    def packed(self, silence_id: str) -> bytes | None:
        """Return the bytes of a silence, None when it is known no longer."""
        silence = self._known.get(silence_id)
        return None if silence is None else msgspec.json.encode(silence)

    def get(self, silence_id: str) -> Silence | None:
        """Return a silence."""
        return self._known.get(silence_id)

    def add(
        self,
        silence_id: str,
        written: Mapping[str, Any],
        *,
        by: str,
        comment: str,
        now_ms: int,
        offset: int,
    ) -> Silence:
        """Make a silence.

        Raises:
            Refusal: it is not as it must be.
        """
        if len(self._matchers) >= OPEN_MAX:
            raise Refusal(Wording(f"静默已达 {OPEN_MAX} 条上限", f"there are {OPEN_MAX} silences already"))
        matchers, begins, ends = checked(written, now_ms=now_ms)
        silence = Silence(
            id=silence_id,
            matchers=tuple(matcher.to_record() for matcher in matchers),
            starts_at_ms=begins,
            ends_at_ms=ends,
            comment=comment,
            by=by,
            created_at_ms=now_ms,
            idle_s=int(written.get("idle_s") or IDLE_S),
            offset=offset,
        )
        self._matchers[silence_id] = matchers
        self._set(silence)
        return silence

    def due(self, now_ms: int) -> list[tuple[str, SilenceEnd | None]]:
        """Return those that begin (None) or end now, in order."""
        found: list[tuple[str, SilenceEnd | None]] = []
        for silence_id in self._matchers:
            silence = self._known[silence_id]
            if silence.ends_at_ms <= now_ms:
                found.append((silence_id, "expired"))
            elif silence.state == "pending" and silence.starts_at_ms <= now_ms:
                found.append((silence_id, None))
            elif silence.state == "active" and self._idle(silence, now_ms):
                found.append((silence_id, "unmatched"))
        return found

    def begin(self, silence_id: str, now_ms: int) -> Silence:
        """Let a silence begin."""
        return self._set(
            msgspec.structs.replace(self._known[silence_id], state="active", matched_at_ms=now_ms)
        )

    def end(self, silence_id: str, reason: SilenceEnd, now_ms: int, by: str | None = None) -> Silence:
        """Let a silence end."""
        self._matchers.pop(silence_id, None)
        self._hiding.pop(silence_id, None)
        silence = self._known[silence_id]
        return self._set(
            msgspec.structs.replace(
                silence, state="ended", ended_at_ms=now_ms, end_reason=reason, ended_by=by
            )
        )

    @property
    def any_open(self) -> bool:
        """Whether a silence has not ended; without one, nobody needs to look at labels."""
        return bool(self._matchers)

    def matching(self, values: Mapping[str, str]) -> Iterator[str]:
        """Yield the active silences that match labels."""
        for silence_id, matchers in self._matchers.items():
            if self._known[silence_id].state == "active" and matches(matchers, values):
                yield silence_id

    def hides(self, alert_id: str, before: set[str], after: set[str], now_ms: int | None) -> None:
        """Note which silences hide an episode; ``now_ms`` is None when that is only read anew."""
        for silence_id in sorted(after - before):
            self._hiding.setdefault(silence_id, set()).add(alert_id)
            if now_ms is not None and (silence := self._known.get(silence_id)):
                self._set(msgspec.structs.replace(silence, hidden=silence.hidden + 1, matched_at_ms=now_ms))
        for silence_id in sorted(before - after):
            self._hiding.get(silence_id, set()).discard(alert_id)
            silence = self._known.get(silence_id)
            if now_ms is not None and silence is not None and silence.state == "active":
                self._set(msgspec.structs.replace(silence, matched_at_ms=now_ms))

    def hidden_by(self, silence_id: str) -> set[str]:
        """Return the episodes that a silence hides now."""
        return set(self._hiding.get(silence_id, ()))

    def forget(self, now_ms: int) -> None:
        """Forget silences that ended long ago."""
        ended = [silence for silence in self._known.values() if silence.state == "ended"]
        ended.sort(key=lambda silence: (silence.ended_at_ms or 0, silence.id))
        for index, silence in enumerate(ended):
            if len(ended) - index > ENDED_MAX or (silence.ended_at_ms or 0) <= now_ms - KEEP_MS:
                del self._known[silence.id]
                self.touched.add(silence.id)

    def _idle(self, silence: Silence, now_ms: int) -> bool:
        matched = silence.starts_at_ms if silence.matched_at_ms is None else silence.matched_at_ms
        return not self._hiding.get(silence.id) and now_ms - matched >= silence.idle_s * 1_000

    def _set(self, silence: Silence) -> Silence:
        self._known[silence.id] = silence
        self.touched.add(silence.id)
        return silence
