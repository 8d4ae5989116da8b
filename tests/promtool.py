"""Prometheus' own checker, from Debian's package `prometheus`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

__all__ = ["promtool"]


def promtool(*arguments: str, text: str = "", cwd: Path | None = None) -> str:
    """Run ``promtool`` and return what it printed; fail when it finds a fault or is not installed."""
    program = shutil.which("promtool")
    assert program, "promtool is not installed: make test installs Debian's package prometheus"
    done = subprocess.run(  # noqa: S603 - the arguments are the tests' own
        [program, *arguments], input=text, capture_output=True, text=True, check=False, cwd=cwd
    )
    assert done.returncode == 0, f"promtool {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr
