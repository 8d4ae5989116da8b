"""`make bench-peers`: ours and the peers on the same feeds, one table."""

from __future__ import annotations

import argparse

from tests.bench.ingest.report import Options
from tests.bench.peers.compare import compare

_parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
_parser.add_argument("names", nargs="*", help="ours, or files of this folder (default: all)")
_parser.add_argument("--events", type=int, default=Options().events, help="records of the mix")
_parser.add_argument("--first", action="store_true", help="run ahead of all other processes (root)")
_given = _parser.parse_args()
compare(Options(parts=tuple(_given.names), events=_given.events, first=_given.first))
