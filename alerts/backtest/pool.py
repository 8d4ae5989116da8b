"""Plays pieces in several processes, and tells how far it is. Blocks; ends its processes when it ends.

Each process opens the archive and has the rule sets once; a piece is some rooms, its answer their
transitions. Nothing is shared between processes, so a backtest is as quick as there are cores.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Final

import pyarrow as pa

from alerts.backtest.sets import Sets
from alerts.backtest.work import Piece, play_piece
from alerts.model import Transition
from stream.archive import Archive
from stream.errors import ServiceError

__all__ = ["play_all"]

Told = dict[str, list[Transition]]
_AHEAD: Final = 2
"""Pieces handed over for each process: none waits for us, none is far ahead when we are asked to end."""


class _Worker:
    """What a process has at hand."""

    archive: Archive
    runs: Mapping[str, Sets]


def play_all(
    folder: Path,
    found: Sequence[Piece],
    runs: Mapping[str, Sets],
    *,
    jobs: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Told:
    """Return what each run tells.

    Args:
        folder: of the archive.
        found: what there is to play.
        runs: name -> rules.
        jobs: processes; 1 plays in this one.
        progress: called with the weight of each piece that is done.

    Raises:
        RoomwatchError: the archive cannot be read, or a process died.
    """
    told: Told = {name: [] for name in runs}
    for piece, one in _played(folder, found, runs, jobs):
        for name, transitions in one.items():
            told[name] += transitions
        progress(piece.weight)
    return told


def _played(
    folder: Path, found: Sequence[Piece], runs: Mapping[str, Sets], jobs: int
) -> Iterator[tuple[Piece, Told]]:
    if jobs == 1 or len(found) == 1:
        archive = Archive(folder)
        for piece in found:
            yield piece, play_piece(archive, piece, runs)
        return
    context = multiprocessing.get_context("spawn")  # threads of ours and of Arrow's do not survive a fork
    arguments = (folder, dict(runs))
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=arguments)
    try:
        yield from _handed_out(pool, found, jobs)
    except BrokenProcessPool as error:
        raise ServiceError("a process of the backtest died; there may be too little memory") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _handed_out(pool: ProcessPoolExecutor, found: Sequence[Piece], jobs: int) -> Iterator[tuple[Piece, Told]]:
    left = iter(found)
    running: dict[Future[Told], Piece] = {}
    while True:
        with contextlib.suppress(StopIteration):
            while len(running) < jobs * _AHEAD:
                piece = next(left)
                running[pool.submit(_play, piece)] = piece
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield running.pop(future), future.result()


def _begin(folder: Path, runs: Mapping[str, Sets]) -> None:
    pa.set_cpu_count(1)
    _Worker.archive, _Worker.runs = Archive(folder), runs


def _play(piece: Piece) -> Told:
    return play_piece(_Worker.archive, piece, _Worker.runs)
