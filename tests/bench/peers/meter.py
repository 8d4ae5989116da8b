"""What every peer is given and must tell: where the feeds are, and what its events cost.

The peers run without our packages, so this uses the standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final, NoReturn

__all__ = ["Meter", "asked"]


class Meter:
    """Counts what a peer has handled, from its first event on, and ends the process after the last.

    Args:
        most: events after which the peer has done enough.
        out: file that takes the figures.
        package: distribution whose version is told.
    """

    def __init__(self, most: int, out: Path, package: str) -> None:
        self.counted = 0
        self._most: Final = most
        self._out: Final = out
        self._package: Final = package
        self._began = (0.0, 0.0)
        self._first = 0

    def begin(self) -> None:
        """Let the time count from now, before the first event; for a peer that handles many at once."""
        self._began = (time.monotonic(), time.process_time())

    def count(self, number: int = 1) -> None:
        """Count events that were handled; does not return from the last."""
        if not any(self._began):
            self.begin()
            self._first = number
        self.counted += number
        if self.counted >= self._most:
            self._end()

    def _end(self) -> NoReturn:
        events = self.counted - self._first
        seconds, cpu_s = time.monotonic() - self._began[0], time.process_time() - self._began[1]
        told = {"events": events, "seconds": seconds, "cpu_s": cpu_s, "version": version(self._package)}
        self._out.write_text(json.dumps(told))
        os._exit(0)  # what a peer would still flush belongs to events that are not counted


def asked() -> argparse.Namespace:
    """Return the options of a peer: ``bootstrap``, ``topics``, ``most``, ``out``, ``state``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topics", required=True, type=lambda given: given.split(","))
    parser.add_argument("--most", required=True, type=int)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--state", required=True, type=Path, help="folder for what the peer keeps")
    return parser.parse_args()
