"""The first process of an attempt without a container: starts the agent, and leaves nothing of it behind.

What an init is to a container.  Orphans of the agent become its children (whatever session, group or
environment they took), so that at the agent's end all of them can be found and killed.  When the executor
dies the kernel says so, and it ends them at once.

Run as a script, ``python -I -S launcher.py PARENT_PID PID_FILE COMMAND…``; needs the standard library only.
The pid file is locked for as long as this process lives.  The exit code is the agent's, 128 + N where
signal N killed it.  Source: prctl(2), PR_SET_PDEATHSIG and PR_SET_CHILD_SUBREAPER; flock(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
TERM_S = 5.0
OPEN_FILES_MAX = 4096
FILE_BYTES_MAX = 20 * 1024**3


def main(parent_pid: int, pid_file: Path, command: list[str]) -> int:
    """Run the command to its end, or to a SIGTERM and five seconds; the exit code to end with."""
    terminated: list[int] = []
    wakeup, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGTERM, lambda number, _: terminated.append(number))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    with pid_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.write(str(os.getpid()))
        lock.flush()
        if os.getppid() != parent_pid:
            return 1  # the executor ended before its agent began
        agent = start(command)
        kill_at: float | None = None
        while (code := reap(agent)) is None:
            if terminated and kill_at is None:
                os.kill(agent, signal.SIGTERM)
                kill_at = time.monotonic() + (TERM_S if os.getppid() == parent_pid else 0.0)
            wait_s = None if kill_at is None else kill_at - time.monotonic()
            if wait_s is not None and wait_s <= 0:
                os.kill(agent, signal.SIGKILL)
                wait_s = TERM_S
            if select.select([wakeup], [], [], wait_s)[0]:
                os.read(wakeup, 4096)
        while left := descendants(os.getpid()):
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            reap(agent)
            time.sleep(0.01)
    return code


def start(command: list[str]) -> int:
    """The agent's process id.

    No limit on its address space: LightGBM's threads reserve far more of it than they use.
    """
    agent = os.fork()
    if agent:
        return agent
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        limit(resource.RLIMIT_CORE, 0)
        limit(resource.RLIMIT_NOFILE, OPEN_FILES_MAX)
        limit(resource.RLIMIT_FSIZE, FILE_BYTES_MAX)
        os.execvp(command[0], command)  # noqa: S606 the command is the executor's own, never a user's
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error}\n")
        sys.stderr.flush()
    os._exit(127)


def reap(agent: int) -> int | None:
    """Take in all children that have ended; the agent's exit code where it is among them."""
    code = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == agent:
                code = os.waitstatus_to_exitcode(ended[1])
    return code if code is None or code >= 0 else 128 - code


def descendants(root: int) -> list[int]:
    """Every process below one; none where there is no /proc."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # The name in parentheses may hold anything, a parenthesis too; state and parent follow it.
            parents[int(stat.parent.name)] = int(
                stat.read_text(errors="replace").rpartition(")")[2].split()[1]
            )
    found, wanted = [], {root}
    while wanted:
        wanted = {pid for pid, parent in parents.items() if parent in wanted}
        found += sorted(wanted)
    return found


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process, on Linux; elsewhere there is none to set."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl({option})")


def limit(kind: int, most: int) -> None:
    """Lower a limit, hard and soft; one that is lower already stays."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
