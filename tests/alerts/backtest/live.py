"""The rules stage as it runs live, with a store in memory and crashes; and the same by backtest."""

from __future__ import annotations

import random
from collections.abc import Sequence

from msgspec.structs import replace

from alerts.backtest.sets import Sets
from alerts.backtest.work import pieces, play_piece, renumbered
from alerts.model import Transition
from alerts.rules import RulesFold
from alerts.windows import parse_windows
from stream.archive import Archive

__all__ = ["backtest", "live"]


def live(log: Sequence[bytes], sets: Sets, dice: random.Random | None = None) -> list[Transition]:
    """Return what the rules stage tells of a log, each transition once; with dice it crashes now and then."""
    records = [parse_windows(value) for value in log]
    kept: dict[str, bytes] = {}
    kept_offset, epoch = -1, 1
    fold = RulesFold(sets.at, epoch=epoch)
    told: dict[tuple[int, int], Transition] = {}
    offset = 0
    while offset < len(records):
        for transition in fold.apply(offset, 0, records[offset]):
            known = told.setdefault(transition.position, replace(transition, epoch=0))
            assert known == replace(transition, epoch=0), "a repeat must be the same"
        settled = records[offset].last
        offset += 1
        if dice is None:
            continue
        if settled and dice.random() < 0.2:
            for name, value in fold.changed().items():
                if value is None:
                    kept.pop(name, None)
                else:
                    kept[name] = value
            kept_offset = offset - 1
        if dice.random() < 0.01:
            epoch += 1
            fold = RulesFold(sets.at, epoch=epoch)
            fold.load(kept)
            offset = kept_offset + 1
    return [told[position] for position in sorted(told)]


def backtest(
    archive: Archive, sets: Sets, *, from_ms: int = 0, to_ms: int | None = None, skip: bool = True
) -> list[Transition]:
    """Return what a backtest of a range tells, by default of all that is kept."""
    bounds = archive.bounds_ms()
    assert bounds
    begin_ms, end_ms = max(from_ms, bounds[0]), min(to_ms or bounds[1] + 1, bounds[1] + 1)
    found: list[Transition] = []
    for piece in pieces(archive, begin_ms, end_ms, vendors=True, planned=True):
        found += play_piece(archive, piece, {"all": sets}, skip=skip)["all"]
    return [told for told in renumbered(found) if begin_ms <= told.tick_ms < end_ms]
