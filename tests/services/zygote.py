"""A process with the engine already imported, that forks one for each order: ten kills need ten quick starts.

Reads orders from stdin, a JSON object ``{"environment": {...}, "log": path}`` a line; answers each with the
process id of an engine, which runs just as ``roomwatch engine`` does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import NoReturn

import alerts.engine  # noqa: F401 - what makes a start slow
import roomwatch


def become_engine(order: dict[str, str], environment: dict[str, str]) -> NoReturn:
    """Turn this fork into an engine; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(environment)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["roomwatch", "engine"]
    status = 1
    try:
        roomwatch.main()
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        os._exit(status)


def main() -> None:
    """Fork an engine for each order until stdin ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    for line in sys.stdin:
        order = json.loads(line)
        if (child := os.fork()) == 0:
            become_engine(order, order.pop("environment"))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


main()
