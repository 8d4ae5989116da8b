"""What a stage is to the fold that runs it: records in, outputs out, a state that can be kept. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

__all__ = ["Log", "Output", "Record", "Stage"]

KeptT_contra = TypeVar("KeptT_contra", contravariant=True)
WrittenT_co = TypeVar("WrittenT_co", covariant=True)

Log = Literal["transitions", "alerts", "outcomes"]
"""Logs that stages write: the name of the topic after its prefix."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the log that a stage folds; ``append_ms`` is the broker's time of it, epoch ms."""

    offset: int
    append_ms: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Output:
    """One record that a stage writes; the same input always gives the same bytes."""

    log: Log
    key: bytes | None
    value: bytes


class Stage(Protocol, Generic[KeptT_contra, WrittenT_co]):
    """A pure fold: the same records after the same kept state give the same outputs and the same state.

    Attributes:
        passed_over: how many inputs made no change, by reason; the fold takes them out and counts them.
    """

    passed_over: Counter[str]

    def load(self, kept: KeptT_contra, epoch: int) -> None:
        """Take over what the store kept, as the owner of this epoch."""
        ...

    def apply(self, record: Record) -> list[Output]:
        """Fold the next record; never raises on what a record holds."""
        ...

    @property
    def settled(self) -> bool:
        """Whether the state after the last record may be kept; if not, a later one will settle it."""
        ...

    def written(self) -> WrittenT_co:
        """Return what changed since the last call, absolute."""
        ...

    def beat(self) -> list[Output]:
        """Return the sign of life that goes out each second while the partition is owned."""
        ...
