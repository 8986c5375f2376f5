"""The processes below this one: found wherever they went, and ended together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import stat
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PR_SET_CHILD_SUBREAPER: Final = 36
_END_S: Final = 20.0
_FIRST: Final = -20


@contextmanager
def brood() -> Iterator[frozenset[int]]:
    """Whatever is started in the block, by whomever below us, is found as long as the block lasts.

    Yields the processes that were there before, for `descendants` and `end_all` to spare.  A process whose
    parent ends becomes a child of ours, a daemon too.  Source: prctl(2), PR_SET_CHILD_SUBREAPER.
    """
    spare = frozenset(descendants())
    _adopt_orphans(yes=True)
    try:
        yield spare
    finally:
        _adopt_orphans(yes=False)


def descendants(spare: frozenset[int] = frozenset()) -> list[int]:
    """Every process below this one, but for those of `spare` and what is below them; none without /proc."""
    parents = {}
    # Plain calls: where a script forks as fast as it can, this has to be faster.
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():  # noqa: PTH112, PTH208
        if name.isdigit():
            with (
                contextlib.suppress(FileNotFoundError, ProcessLookupError),
                open(f"/proc/{name}/stat", "rb") as file,  # noqa: PTH123
            ):
                # The name in parentheses may hold anything, a parenthesis too; state and parent follow it.
                parents[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
    found: list[int] = []
    wanted = {os.getpid()}
    while wanted:
        wanted = {pid for pid, parent in parents.items() if parent in wanted and pid not in spare}
        found += sorted(wanted)
    return found


def threads_there() -> int:
    """The threads of the whole machine, in one cheap look; 0 without /proc.  Source: proc(5), loadavg."""
    with contextlib.suppress(FileNotFoundError):
        return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    return 0


@contextmanager
def ahead() -> Iterator[None]:
    """Let this thread go before all others, where it may: as root, whose processes no limit counts."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _FIRST)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


def resident_bytes(pids: list[int]) -> int:
    """The memory that processes hold; what two of them share counts twice."""
    pages = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def deleted_bytes(pids: list[int]) -> int:
    """What is on disk or in memory only because a process holds it open: files without a name."""
    held: dict[tuple[int, int], int] = {}
    for pid in pids:
        # A process that ends while it is looked at holds nothing.
        with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as descriptors:
            for descriptor in descriptors:
                with contextlib.suppress(OSError):
                    found = descriptor.stat()
                    if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
                        held[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(held.values())


def end_all(spare: frozenset[int]) -> None:
    """Kill what was started in a `brood`, round after round until nothing of it is left.

    Raises:
        TimeoutError: some of it does not end within 20 s.
    """
    deadline = time.monotonic() + _END_S
    while left := descendants(spare):
        if os.getpid() == 1:
            # Nothing here is anybody else's, and no process forks between the first and the last.
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(left)} processes do not end")
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(ChildProcessError):  # It is a child's child still.
                os.waitpid(pid, os.WNOHANG)


def _adopt_orphans(*, yes: bool) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0)
