"""`make bench`: print our figures, one bench after the other; names on the command line choose some.

Each bench is a module of this folder with `run()`, which prints its own table and says what it skipped.
"""

from __future__ import annotations

import importlib
import sys
from typing import Final

from rich.console import Console

BENCHES: Final[tuple[str, ...]] = (
    "reading",
    "ingest",
    "latency",
    "loaded",
    "storm",
    "fanout",
    "stalled",
    "resume",
    "exporter",
    "rules",
    "backtest",
    "nab",
    "kpi",
    "chat",
    "words",
    "conversion",
)


def main(names: list[str]) -> int:
    """Run the benches that are named, or all.

    Returns:
        0, or 2 when a name is not known.
    """
    console = Console()
    unknown = sorted(set(names) - set(BENCHES))
    if unknown:
        console.print(f"no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}")
        return 2
    for name in names or BENCHES:
        console.rule(name)
        importlib.import_module(f"tests.bench.{name}").run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
