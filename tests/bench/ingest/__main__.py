"""`python -m tests.bench.ingest`: one bench of the ingest, with options for whoever makes it faster."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from tests.bench.ingest.report import Options, run

_parser = argparse.ArgumentParser(prog="python -m tests.bench.ingest", description=__doc__)
_parser.add_argument("parts", nargs="*", help="drain, latency, rooms (default: all)")
_parser.add_argument("--short", action="store_true", help="everything small; options below still count")
_parser.add_argument("--events", type=int, help="records of the drain")
_parser.add_argument("--rooms", type=int, help="rooms of drain and latency")
_parser.add_argument("--seed", type=int)
_parser.add_argument("--seconds", type=int, help="of each offered rate")
_parser.add_argument("--steady-per-s", type=int, help="records per second of rooms live for long")
_parser.add_argument("--live-rooms", type=int, nargs="+", help="how many those are")
_parser.add_argument("--offered", type=int, nargs="+", help="records per second of the latency")
_parser.add_argument("--first", action="store_true", help="run ahead of all other processes (root)")
_parser.add_argument("--profile", action="store_true", help="tell where the time of the drain goes")
_given: dict[str, Any] = {
    name: value for name, value in vars(_parser.parse_args()).items() if value is not None
}
_base = Options.short() if _given.pop("short") else Options()
_lists = {name: tuple(value) for name, value in _given.items() if isinstance(value, list)}
run(replace(_base, **{**_given, **_lists}))
