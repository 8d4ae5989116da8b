"""What viewers say and like."""

from __future__ import annotations

from typing import Final

from stream.cells import Batch, FeedFigures, Group
from stream.figures.traffic import per_second, total
from stream.figures.view import Formula

__all__ = ["DANMAKU", "EXTRAS", "FIGURES", "FORMULAS", "GROUPS", "JOINT", "LIKES", "TRANSCRIPT"]

DANMAKU: Final = Group("danmaku", "danmaku", ("count",))
LIKES: Final = Group("likes", "likes", ("events", "count"))
TRANSCRIPT: Final = Group("transcript", "transcript", ("count",))
_LINES: Final = DANMAKU.cell("count")
_SPEECHES: Final = TRANSCRIPT.cell("count")
_LIKE_EVENTS: Final = LIKES.cell("events")
_LIKES: Final = LIKES.cell("count")


def _add_lines(batch: Batch) -> None:
    for line in batch.events:
        batch.fresh(line.at_ms).cells[_LINES] += 1


def _add_speeches(batch: Batch) -> None:
    for speech in batch.events:
        batch.fresh(speech.at_ms).cells[_SPEECHES] += 1


def _add_likes(batch: Batch) -> None:
    for at_ms in {like.at_ms // 1_000 * 1_000 for like in batch.events}:
        likes = [like.count for like in batch.events if like.at_ms // 1_000 * 1_000 == at_ms]
        cells = batch.fresh(at_ms).cells
        cells[_LIKE_EVENTS] += len(likes)
        cells[_LIKES] += sum(likes)


GROUPS: Final = (DANMAKU, LIKES, TRANSCRIPT)
EXTRAS: Final = ()
JOINT: Final = {}
FIGURES: Final = (
    FeedFigures("danmaku", _add_lines),
    FeedFigures("likes", _add_likes),
    FeedFigures("transcript", _add_speeches),
)
FORMULAS: Final[dict[str, Formula]] = {
    "live_danmaku_total": total(_LINES),
    "live_danmaku_per_second": per_second(_LINES),
    "live_likes_total": total(_LIKES),
    "live_likes_per_second": per_second(_LIKES),
}
