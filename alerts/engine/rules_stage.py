"""The rules stage as the fold runs it: bytes of ``live.windows`` in, of ``live.transitions`` out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from alerts.model import BadRecord, encode
from alerts.rules import RulesFold
from alerts.ruleset import RuleSet
from alerts.stages import Output, Record
from alerts.windows import parse_windows

__all__ = ["RulesStage"]


class RulesStage:
    """Judges one partition; its state is settled when a tick is closed.

    Args:
        ruleset_at: the set in force at a tick.
        partition: number of the partition.
    """

    def __init__(self, ruleset_at: Callable[[int], RuleSet], *, partition: int) -> None:
        self.passed_over: Counter[str] = Counter()
        self._ruleset_at = ruleset_at
        self._partition = partition
        self._key = str(partition).encode()
        self._fold = RulesFold(ruleset_at, partition=partition)
        self._settled = True

    def load(self, kept: Mapping[str, bytes], epoch: int) -> None:
        """Take over what the store kept; the epoch goes into every transition."""
        self._fold = RulesFold(self._ruleset_at, partition=self._partition, epoch=epoch)
        self._fold.load(kept)

    def apply(self, record: Record) -> list[Output]:
        """Fold one record of ``live.windows``.

        Raises:
            StageError: its columns are of a version that this program does not know.
        """
        try:
            windows = parse_windows(record.value)
        except BadRecord:
            self.passed_over["bad_record"] += 1
            return []
        self._settled = windows.last
        told = self._fold.apply(record.offset, record.append_ms, windows)
        records = [one.to_record() for one in told] + [one.to_record() for one in self._fold.turns.told]
        return [Output("transitions", self._key, encode(record)) for record in records]

    @property
    def settled(self) -> bool:
        """Whether the newest tick is closed."""
        return self._settled

    def written(self) -> dict[str, bytes | None]:
        """Return the fields of the state that changed; None where one is gone."""
        return self._fold.changed()

    def beat(self) -> list[Output]:
        """Return the heartbeat."""
        return [Output("transitions", self._key, encode(self._fold.heartbeat().to_record()))]
