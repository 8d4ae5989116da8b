"""The records of ``live.windows``: one tick of one partition, in pieces that a broker takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from stream.catalogue import COLUMNS_VERSION
from stream.native import Values

__all__ = ["RECORD_BYTES_MAX", "WindowLog"]

RECORD_BYTES_MAX: Final = 512 * 1024
"""Largest record, bytes; from the contract."""
_HEAD_BYTES: Final = 2_048
"""Room for everything but the entries: nine reaches and a handful of numbers."""


class WindowLog:
    """Makes the records of one ownership of a partition; ``seq`` counts them from 1.

    Args:
        partition: its number.
        epoch: of the ownership.
    """

    def __init__(self, partition: int, epoch: int) -> None:
        self._partition = partition
        self._epoch = epoch
        self._seq = 0

    def records(
        self,
        *,
        tick_ms: int,
        reach_ms: dict[Any, int],
        rooms: list[dict[str, Any]],
        vendors: list[dict[str, Any]],
        records_1m: int,
        dead_1m: int,
        last: bool,
    ) -> Iterator[bytes]:
        """Give the records of one flush; none when there is nothing to tell and no tick to close.

        Args:
            tick_ms: the flush's time in whole seconds.
            reach_ms: feed -> how far it was folded.
            rooms: entries of rooms.
            vendors: entries of vendor operations.
            records_1m: records of all feeds that were folded in the last minute.
            dead_1m: how many of them were dead letters.
            last: whether the flush closes its tick; only its last record says so.
        """
        head = {"v": 1, "partition": self._partition, "epoch": self._epoch}
        pieces = list(_pieces(rooms, vendors)) or ([([], [])] if last else [])
        for at, (some_rooms, some_vendors) in enumerate(pieces):
            self._seq += 1
            yield orjson.dumps(
                head
                | {
                    "seq": self._seq,
                    "tick_ms": tick_ms,
                    "reach_ms": reach_ms,
                    "columns": COLUMNS_VERSION,
                    "records_1m": records_1m,
                    "dead_1m": dead_1m,
                    "last": last and at == len(pieces) - 1,
                    "rooms": some_rooms,
                    "vendors": some_vendors,
                }
            )


Piece = tuple[list[orjson.Fragment], list[orjson.Fragment]]


def _as_json(values: Values) -> orjson.Fragment:
    return orjson.Fragment(values.json())


def _pieces(rooms: list[dict[str, Any]], vendors: list[dict[str, Any]]) -> Iterator[Piece]:
    """Split entries so that each piece fits into a record."""
    piece: Piece = ([], [])
    size = _HEAD_BYTES
    for kind, entries in enumerate((rooms, vendors)):
        for entry in entries:
            raw = orjson.dumps(entry, _as_json)
            if size + len(raw) + 1 > RECORD_BYTES_MAX:
                yield piece
                piece, size = ([], []), _HEAD_BYTES
            piece[kind].append(orjson.Fragment(raw))
            size += len(raw) + 1
    if piece[0] or piece[1]:
        yield piece
