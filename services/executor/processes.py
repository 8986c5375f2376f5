"""Finds the processes of an attempt by what they cannot easily shed: an entry of their environment.

Unlike a process id in a file it cannot come to mean another process, it is there from the first moment,
and children inherit it even where they leave their parent's group.  Source: proc_pid_environ(5).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_KILL_S: Final = 4.0
_PAUSE_S: Final = 0.01


def with_variable(name: str, value: str) -> list[int]:
    """Ids of all processes of this user that were started with the variable; without /proc: none."""
    entry = f"{name}={value}".encode()
    found = []
    for environ in _PROC.glob("[0-9]*/environ"):
        # Another user's process, or one that has ended meanwhile.
        with contextlib.suppress(PermissionError, FileNotFoundError, ProcessLookupError):
            if entry in environ.read_bytes().split(b"\0"):
                found.append(int(environ.parent.name))
    return found


def kill_all(name: str, value: str) -> None:
    """Kill them, and again those that they started meanwhile, until none is found.

    Raises:
        TimeoutError: some would not end.
    """
    deadline = time.monotonic() + _KILL_S
    while pids := [pid for pid in with_variable(name, value) if pid != os.getpid()]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {pids} do not end")
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE_S)


def signal_group(leader: int, number: signal.Signals) -> None:
    """Signal a process group by its leader's id; nothing happens where it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)
