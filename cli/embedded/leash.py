"""Run a command that dies with its parent: ``python leash.py PARENT_PID COMMAND...``.

A program of its own, because setting this between fork and exec of a process with threads can deadlock.
Linux only; elsewhere the command simply runs.  Imports nothing of ours, so that it starts in milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def main(parent_pid: int, command: list[str]) -> None:
    """Become `command`, which the kernel kills when the parent ends; returns only if that parent is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent_pid:
            return
    os.execvp(command[0], command)  # noqa: S606 - a launcher launches


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
