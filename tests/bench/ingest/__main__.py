"""`python -m tests.bench.ingest`: one bench of the ingest, with options for whoever makes it faster."""

from __future__ import annotations

import argparse

from tests.bench.ingest.report import Options, run

_default = Options()
_parser = argparse.ArgumentParser(prog="python -m tests.bench.ingest", description=__doc__)
_parser.add_argument("parts", nargs="*", help="drain, latency, rooms (default: all)")
_parser.add_argument("--events", type=int, default=_default.events, help="records of the drain")
_parser.add_argument("--rooms", type=int, default=_default.rooms)
_parser.add_argument("--seed", type=int, default=_default.seed)
_parser.add_argument("--seconds", type=int, default=_default.seconds, help="of each offered rate")
_parser.add_argument("--steady-per-s", type=int, default=_default.steady_per_s)
_parser.add_argument("--profile", action="store_true", help="tell where the time of the drain goes")
_given = _parser.parse_args()
run(
    Options(
        **{name: value for name, value in vars(_given).items() if name != "parts"}, parts=tuple(_given.parts)
    )
)
