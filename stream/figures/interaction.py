"""What viewers say, like, share and follow."""

from __future__ import annotations

from typing import Any, Final

from stream.cells import Batch, FeedFigures, FloodBatch, Group
from stream.figures import busiest, words
from stream.figures.expression import Expression, known, ratio
from stream.figures.people import count_people, people
from stream.figures.repeats import SAID, TEXTS_MAX
from stream.figures.traffic import ONLINE, VISITS, mean_viewers, per_second, total
from stream.figures.view import Formula, View
from stream.figures.words import add_hits, add_speech_words, reader
from stream.model import Feed

__all__ = ["DANMAKU", "EXTRAS", "FEEDS", "FIGURES", "FORMULAS", "GROUPS", "JOINT", "LIKES", "TRANSCRIPT"]

DANMAKU: Final = Group("danmaku", "danmaku", ("count", "again"))
LIKES: Final = Group("likes", "likes", ("events", "count"))
TRANSCRIPT: Final = Group("transcript", "transcript", ("count",))
_LINES: Final = DANMAKU.cell("count")
_SPEECHES: Final = TRANSCRIPT.cell("count")
_LIKE_EVENTS: Final = LIKES.cell("events")
_LIKES: Final = LIKES.cell("count")
_FOLLOW: Final = VISITS.cell("follow")
_ENTER: Final = VISITS.cell("enter")
_AGAIN: Final = DANMAKU.cell("again")
_INTERACTION_FEEDS: Final[tuple[Feed, ...]] = ("danmaku", "likes", "visits", "health")
_BUSY_FEEDS: Final[tuple[Feed, ...]] = ("danmaku", "likes", "visits")
FEEDS: Final[dict[str, Any]] = {
    "like_events": _LIKE_EVENTS,
    "likes": _LIKES,
    "lines": _LINES,
    "again": _AGAIN,
    "repeats": busiest.REPEATS,
    "texts_max": TEXTS_MAX,
}
"""Cells that the native module counts into; what it knows by the names of extras is said there."""


def _add_lines(batch: FloodBatch) -> None:
    found = batch.tally.add_lines(batch.part, batch.late, batch.whole, batch.oldest, reader(batch.words))
    if found:
        add_hits(batch.tally, found)


def _add_likes(batch: FloodBatch) -> None:
    batch.tally.add_likes(batch.part, batch.late, batch.whole, batch.oldest)


def _add_speeches(batch: Batch) -> None:
    for speech in batch.events:
        batch.fresh(speech.at_ms).cells[_SPEECHES] += 1
    if batch.whole and batch.words:
        add_speech_words(batch, batch.words)


def _writers(view: View, _label: str | None, window: str | None) -> Expression:
    return count_people(view, "writers", window, seen=_LINES)


def _interaction(view: View, _label: str | None, window: str | None) -> Expression:
    """Return who interacts by who has come, or, of a window, by who is there on average."""
    active = count_people(view, "interacters", window, seen=None)
    if window == "session":
        return ratio(active, count_people(view, "visitors", window, seen=_ENTER))
    assert window is not None
    return ratio(active, mean_viewers(view, window))


def _repeat_ratio(view: View, _label: str | None, window: str | None) -> Expression:
    return ratio(view.sum(_AGAIN, window), view.sum(_LINES, window))


def _follow_ratio(view: View, _label: str | None, window: str | None) -> Expression:
    followers = known(count_people(view, "followers", window, seen=_FOLLOW))
    return ratio(followers, count_people(view, "visitors", window, seen=_ENTER))


GROUPS: Final = (DANMAKU, LIKES, TRANSCRIPT, busiest.SUSPECT)
EXTRAS: Final = (
    people("writers", session=False, brief=True),
    people("interacters", brief=True),
    busiest.BUSIEST,
    SAID,
    words.COMPLAINERS,
)
JOINT: Final = {_INTERACTION_FEEDS: ONLINE, _BUSY_FEEDS: busiest.TOGETHER}
FIGURES: Final = (
    FeedFigures("danmaku", _add_lines),
    FeedFigures("likes", _add_likes),
    FeedFigures("transcript", _add_speeches),
)
FORMULAS: Final[dict[str, Formula]] = {
    "live_danmaku_total": total(_LINES),
    "live_danmaku_per_second": per_second(_LINES),
    "live_danmaku_users": _writers,
    "live_likes_total": total(_LIKES),
    "live_likes_per_second": per_second(_LIKES),
    "live_shares_total": total(VISITS.cell("share")),
    "live_follows_total": total(_FOLLOW),
    "live_interaction_ratio": _interaction,
    "live_follow_ratio": _follow_ratio,
    "live_danmaku_repeat_ratio": _repeat_ratio,
    **busiest.FORMULAS,
    **words.FORMULAS,
}
