"""Ends a launcher that an earlier executor left, found by the pid file that it locks while it lives."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_TERM_S: Final = 7.0
_KILL_S: Final = 2.0
_PAUSE_S: Final = 0.02


def end_launcher(pid_file: Path) -> None:
    """Ask the launcher to end its agent and itself, then kill it; returns when it is gone.

    A lock says more than a process id: while it is held, the id in the file is the holder's.

    Raises:
        TimeoutError: it is still there.
    """
    try:
        file = pid_file.open()
    except FileNotFoundError:
        return
    with file:
        for number, wait_s in ((signal.SIGTERM, _TERM_S), (signal.SIGKILL, _KILL_S)):
            if _is_free(file.fileno()):
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(file.read()), number)
            file.seek(0)
            deadline = time.monotonic() + wait_s
            while time.monotonic() < deadline:
                if _is_free(file.fileno()):
                    return
                time.sleep(_PAUSE_S)
    raise TimeoutError(f"the process in {pid_file} does not end")


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
