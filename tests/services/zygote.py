"""A process with a role already imported, that forks one for each order: many kills need many quick starts.

``python -m tests.services.zygote engine MODULE…`` imports these modules too, and reads orders from stdin, a
JSON object ``{"environment": {...}, "log": path}`` a line; answers each with the process id of an engine,
which runs just as ``roomwatch engine`` does. What it forked dies with it.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
from typing import NoReturn

import roomwatch

_PR_SET_PDEATHSIG = 1


def become(role: str, order: dict[str, str], environment: dict[str, str]) -> NoReturn:
    """Turn this fork into the role; never returns."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(environment)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["roomwatch", role]
    status = 1
    try:
        roomwatch.main()
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        os._exit(status)


def main() -> None:
    """Fork the role for each order until stdin ends."""
    role = sys.argv[1]
    for module in (roomwatch.COMMANDS[role][0], *sys.argv[2:]):  # what makes a start slow
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    for line in sys.stdin:
        order = json.loads(line)
        if (child := os.fork()) == 0:
            become(role, order, order.pop("environment"))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


main()
