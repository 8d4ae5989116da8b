"""From a question to the answer: which pieces, which runs, who is compared with whom. Blocks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerts.backtest.episodes import Episode, episodes
from alerts.backtest.pool import Told, play_all
from alerts.backtest.report import Extent, Swept, notes_of, report
from alerts.backtest.runs import CANDIDATE, Runs, plan_runs
from alerts.backtest.sets import Sets, always
from alerts.backtest.work import LOOK_BACK_MS, Piece, pieces
from alerts.ruleset import RuleSet
from alerts.wording import Wording
from stream.archive import Archive
from stream.errors import ArchiveError

__all__ = ["Question", "answer"]

_AGAINST = "against"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        candidate: the set that is tried.
        against: what it is held against.
        from_ms, to_ms: the range, epoch milliseconds; None for what the archive holds.
        rooms: only these; None for all rooms, and vendors.
        sweep: what is swept, and the set of each value or why it would be wrong.
        verdicts: alert id -> what people said of it; None when that is not known.
    """

    candidate: RuleSet
    against: Sets
    from_ms: int | None = None
    to_ms: int | None = None
    rooms: Collection[str] | None = None
    sweep: tuple[str, Sequence[tuple[float, RuleSet | Wording]]] | None = None
    verdicts: Mapping[str, str] | None = None


def answer(
    archive: Archive,
    question: Question,
    *,
    jobs: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Any]:
    """Return the report of a backtest.

    Args:
        archive: what was recorded.
        question: what is asked.
        jobs: processes to use.
        progress: called with what is done and the whole, in ticks of rooms.

    Raises:
        RoomwatchError: the archive holds nothing of the range, or cannot be read.
    """
    from_ms, to_ms, kept_from_ms = _range(archive, question)
    others = {_AGAINST: question.against, **_sweep_sets(question)}
    runs = plan_runs(question.candidate, others, from_ms - LOOK_BACK_MS, to_ms)
    found = pieces(archive, from_ms, to_ms, question.rooms, vendors=runs.vendors, planned=runs.planned)
    total, done = sum(piece.weight for piece in found), 0

    def advance(weight: int) -> None:
        nonlocal done
        done += weight
        progress(done, total)

    progress(0, total)
    told = play_all(archive.folder, found, runs.played, jobs=jobs, progress=advance)
    extent = _extent(found, from_ms, to_ms, kept_from_ms)
    by_set = {name: _episodes(runs, name, told, extent) for name in (CANDIDATE, *others)}
    body = report(extent, by_set[CANDIDATE], by_set[_AGAINST], question.verdicts, _swept(question, by_set))
    return {**body, "notes": notes_of(extent, question.candidate, question.verdicts)}


def _range(archive: Archive, question: Question) -> tuple[int, int, int]:
    bounds = archive.bounds_ms()
    if bounds is None:
        raise ArchiveError(f"the archive in {archive.folder} is empty")
    first_ms, end_ms = bounds[0], bounds[1] + 1_000
    from_ms = max(first_ms, first_ms if question.from_ms is None else question.from_ms)
    to_ms = min(end_ms, end_ms if question.to_ms is None else question.to_ms)
    if from_ms >= to_ms:
        begin, end = (datetime.fromtimestamp(ms // 1000, archive.zone) for ms in (first_ms, end_ms))
        raise ArchiveError(
            f"the archive in {archive.folder} holds {begin:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S},"
            " nothing of the range"
        )
    return from_ms, to_ms, first_ms


def _sweep_sets(question: Question) -> dict[str, Sets]:
    if question.sweep is None:
        return {}
    return {str(value): always(made) for value, made in question.sweep[1] if isinstance(made, RuleSet)}


def _episodes(runs: Runs, name: str, told: Told, extent: Extent) -> tuple[Episode, ...]:
    return tuple(episodes(runs.told(name, told), extent.from_ms, extent.to_ms))


def _swept(
    question: Question, by_set: Mapping[str, tuple[Episode, ...]]
) -> tuple[str, Sequence[Swept]] | None:
    if question.sweep is None:
        return None
    name, values = question.sweep
    return name, [
        Swept(value, by_set[str(value)]) if isinstance(made, RuleSet) else Swept(value, refused=made)
        for value, made in values
    ]


def _extent(found: Sequence[Piece], from_ms: int, to_ms: int, kept_from_ms: int) -> Extent:
    rooms = [room for piece in found for room in piece.rooms]
    sessions = [
        session
        for room in rooms
        for session in room.sessions
        if session.begin_ms < to_ms and session.end_ms >= from_ms
    ]
    on_air_ms = (min(s.end_ms, to_ms) - max(s.session_ms, s.begin_ms, from_ms) for s in sessions)
    return Extent(
        from_ms=from_ms,
        to_ms=to_ms,
        rooms=len(rooms),
        sessions=len(sessions),
        room_ms=sum(max(0, span_ms) for span_ms in on_air_ms),
        cut=sum(session.session_ms < kept_from_ms for session in sessions),
        kept_from_ms=kept_from_ms,
    )
