"""The demo with a tiny table of roles, for tests that end it.

``python -m tests.deploy.tiny FOLDER KIND [SECONDS]``
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from rich.console import Console

from deploy.local import demo
from deploy.local.supervisor import Role
from deploy.local.system import System
from stream.errors import RoomwatchError

SLEEPS = "import time; print('up', flush=True); time.sleep(600)"
KINDS = {
    "calm": SLEEPS,
    "stubborn": f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}",
    "dying": "import sys, time; print('tired', flush=True); time.sleep(0.5); sys.exit('I have had enough')",
    "ending": "pass",
}
"""Kind -> what the second of two roles does; the first one only sleeps."""


def table(kind: str) -> list[Role]:
    """Return the two roles."""
    second = Role("second", (sys.executable, "-c", KINDS[kind]), may_end=kind in ("ending", "dying"))
    return [Role("first", (sys.executable, "-c", SLEEPS)), second]


def main() -> int:
    """Run it as the real one runs."""
    folder, kind, *seconds = sys.argv[1:]
    console = Console(highlight=False)
    system = System(Path(folder), console, lambda _places: table(kind))
    system.folder.mkdir(parents=True)
    try:
        return asyncio.run(demo.run(system, console, seconds=float(seconds[0]) if seconds else None))
    except RoomwatchError as error:
        sys.stderr.write(f"tiny: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
