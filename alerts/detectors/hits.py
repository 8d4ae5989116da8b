"""Hits of the word lists as the rules stage keeps them: the newest ones of a room, few enough to send.

Pure. Prohibited words and complaints are kept apart, so that neither pushes the other out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from stream.words.groups import PROHIBITED, TROUBLES

__all__ = ["HITS_KEPT", "Hit", "with_hits"]

HITS_KEPT: Final = 20
"""Prohibited hits of a room that are kept; as many as one record brings."""
_TROUBLES_KEPT: Final = 10
"""Complaints that are kept."""


class Hit(msgspec.Struct, frozen=True, array_like=True):
    """A hit of ``live.windows``, and the tick that brought it."""

    at_ms: int
    group: str
    severity: str
    source: str
    text: str
    user: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None


def with_hits(known: list[Hit], new: Iterable[Mapping[str, Any]], tick_ms: int) -> list[Hit]:
    """Return the newest hits with those of a record; of too many the critical ones stay longest."""
    found = [*known, *(_hit(hit, tick_ms) for hit in new)]
    prohibited = [hit for hit in found if hit.group in PROHIBITED]
    while len(prohibited) > HITS_KEPT:
        milder = next((at for at, hit in enumerate(prohibited) if hit.severity != "critical"), 0)
        del prohibited[milder]
    return [*prohibited, *[hit for hit in found if hit.group in TROUBLES][-_TROUBLES_KEPT:]]


def _hit(said: Mapping[str, Any], tick_ms: int) -> Hit:
    where = (said.get(name) for name in ("user", "topic", "partition", "offset"))
    return Hit(tick_ms, said["group"], said["severity"], said["source"], said["text"], *where)
