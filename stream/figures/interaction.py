"""What viewers say and like."""

from __future__ import annotations

from typing import Final

from stream.cells import FeedFigures, Fresh, Group, Registers
from stream.figures.traffic import per_second
from stream.figures.view import Formula
from stream.model import Danmaku, Like, Speech

__all__ = ["DANMAKU", "FIGURES", "FORMULAS", "LIKES", "TRANSCRIPT"]

DANMAKU: Final = Group("danmaku", ("count",))
LIKES: Final = Group("likes", ("events", "count"))
TRANSCRIPT: Final = Group("transcript", ("count",))


def _add_line(
    fresh: Fresh, _line: Danmaku | Speech, _registers: Registers, _user: int, _append_ms: int
) -> None:
    fresh.row[0] += 1


def _add_like(fresh: Fresh, like: Like, _registers: Registers, _user: int, _append_ms: int) -> None:
    row = fresh.row
    row[0] += 1
    row[1] += like.count


FIGURES: Final = (
    FeedFigures("danmaku", (DANMAKU,), _add_line),
    FeedFigures("likes", (LIKES,), _add_like),
    FeedFigures("transcript", (TRANSCRIPT,), _add_line),
)
FORMULAS: Final[dict[str, Formula]] = {
    "live_danmaku_total": lambda view, _l, _w: view.total(DANMAKU, "count"),
    "live_danmaku_per_second": per_second(DANMAKU, "count"),
    "live_likes_total": lambda view, _l, _w: view.total(LIKES, "count"),
    "live_likes_per_second": per_second(LIKES, "count"),
}
