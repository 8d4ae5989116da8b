"""Run a program that dies when its parent does.

Called as ``python -I -S leash.py SIGNAL PARENT_PID PROGRAM ARGUMENT…``. The kernel is asked (Linux:
``PR_SET_PDEATHSIG``) to send the signal when the parent ends, however it ends; then this process becomes the
program, under the same process id. A process of its own does this because code between fork and exec is not
safe in a parent that has threads. Elsewhere than on Linux the program runs without a leash.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the program."""
    number, parent, *argv = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(
            PR_SET_PDEATHSIG, signal.Signals[f"SIG{number}"].value, 0, 0, 0
        )
    if os.getppid() != int(parent):  # it died before we asked
        sys.exit(1)
    os.execvp(argv[0], argv)  # noqa: S606 - becoming the program is the purpose


if __name__ == "__main__":
    main()
