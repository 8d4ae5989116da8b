"""An owner record, a log and an outbox in memory, and a stage that counts: fakes for tests of the fold."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from alerts.stages import Output, Record
from alerts.store.folds import Claim, Command
from stream.errors import FencedError

__all__ = ["CountingStage", "MemoryLog", "MemoryOutbox", "MemoryOwner"]


class MemoryOwner:
    """Owner record with the rules of the real one; ``faults`` are raised by the next calls, in order."""

    def __init__(self) -> None:
        self.epoch, self.generation, self.offset, self.output = 0, 0, -1, -1
        self.kept: dict[str, int] = {}
        self.faults: list[Exception] = []
        self.calls = 0

    async def claim(self, generation: int) -> Claim:
        self._fail()
        if generation < self.generation:
            raise FencedError("held by a later generation")
        self.epoch, self.generation = self.epoch + 1, generation
        return Claim(self.epoch, self.offset, self.output)

    async def apply(self, claim: Claim, *, offset: int, output: int, commands: Sequence[Command]) -> Claim:
        self._fail()
        if claim.epoch != self.epoch or claim.offset != self.offset:
            raise FencedError("another owner")
        for _, key, values in commands:
            self.kept[key] = int(values[0])
        self.calls += 1
        self.offset, self.output = offset, max(self.output, output)
        return Claim(claim.epoch, offset, self.output)

    async def renew(self, claim: Claim) -> None:
        self._fail()
        if claim.epoch != self.epoch:
            raise FencedError("another owner")

    async def load(self) -> dict[str, int]:
        return dict(self.kept)

    def _fail(self) -> None:
        if self.faults:
            raise self.faults.pop(0)


class MemoryLog:
    """A log whose records before ``begin`` are gone."""

    def __init__(self, count: int, begin: int = 0) -> None:
        self.records = [Record(offset, 1_000 + offset, str(offset).encode()) for offset in range(count)]
        self.begin = begin
        self.reads: list[tuple[int, int]] = []
        self.follows: list[int] = []
        self.followed = False

    def grow(self, count: int) -> list[Record]:
        size = len(self.records)
        self.records += [Record(offset, 1_000 + offset, b"") for offset in range(size, size + count)]
        return self.records[size:]

    async def end(self, topic: str, partition: int) -> int:  # noqa: ARG002 - there is one log
        return len(self.records)

    async def read(
        self,
        topic: str,  # noqa: ARG002 - there is one log
        partition: int,  # noqa: ARG002
        *,
        first: int,
        last: int,
    ) -> AsyncGenerator[list[Record], None]:
        self.reads.append((first, last))
        found = self.records[max(first, self.begin) : last + 1]
        for begin in range(0, len(found), 50):
            yield found[begin : begin + 50]

    async def follow(
        self,
        topic: str,  # noqa: ARG002 - there is one log
        partition: int,  # noqa: ARG002
        *,
        first: int,
    ) -> AsyncGenerator[list[Record], None]:
        self.follows.append(first)
        at = max(first, self.begin)
        self.followed = True
        try:
            while True:
                found = self.records[at : at + 50]
                at += len(found)
                await asyncio.sleep(0)
                yield found
        finally:
            self.followed = False


class MemoryOutbox:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Output] = []
        self.faults: list[Exception] = []

    async def send(self, outputs: Sequence[Output]) -> dict[str, int]:
        if self.faults:
            raise self.faults.pop(0)
        self.sent += outputs
        return {output.log: len(self.sent) - 1 for output in outputs}

    def values(self) -> list[int]:
        return [int(output.value) for output in self.sent if output.log == "alerts"]


class CountingStage:
    """Writes each offset and how many records it has folded; settled after every ``every``-th offset."""

    def __init__(self, every: int = 1) -> None:
        self.passed_over: Counter[str] = Counter()
        self._every = every
        self._count, self._newest = 0, -1

    def load(self, kept: dict[str, int], epoch: int) -> None:  # noqa: ARG002 - it writes no epoch
        self._count, self._newest = kept.get("count", 0), kept.get("newest", -1)

    def apply(self, record: Record) -> list[Output]:
        assert record.offset > self._newest
        self.passed_over["bad_record"] += record.value == b"bad"
        self._count, self._newest = self._count + 1, record.offset
        return [Output("alerts", None, str(record.offset).encode())]

    @property
    def settled(self) -> bool:
        return (self._newest + 1) % self._every == 0

    def written(self) -> dict[str, int]:
        return {"count": self._count, "newest": self._newest}

    def beat(self) -> list[Output]:
        return [Output("transitions", None, b"beat")]

    @staticmethod
    def commands(written: dict[str, Any]) -> list[Command]:
        return [("SET", name, (value,)) for name, value in written.items()]
