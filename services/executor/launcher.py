"""Turns itself into the agent: the last steps that only the new process itself can take.

Run as a script, ``python -I -S launcher.py PARENT_PID COMMAND…``, so that it needs nothing but the
standard library and no code runs between fork and exec in the executor.
Source: prctl(2) PR_SET_PDEATHSIG, setrlimit(2).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
OPEN_FILES_MAX = 4096
FILE_BYTES_MAX = 20 * 1024**3


def main(parent_pid: int, command: list[str]) -> None:
    """Bind this process's life to its parent's, set limits, become the command.

    No limit on address space: LightGBM's threads reserve far more of it than they use.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent_pid:
        sys.exit("the executor ended before its agent began")
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_NOFILE, OPEN_FILES_MAX)
    limit(resource.RLIMIT_FSIZE, FILE_BYTES_MAX)
    os.execvp(command[0], command)  # noqa: S606 the command is the executor's own, never a user's


def limit(kind: int, most: int) -> None:
    """Lower a limit, hard and soft; one that is lower already stays."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
