"""Looks at what a script uses while it runs, and says which of its bounds it has broken."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from agent.memory import memory_bytes
from agent.processes import deleted_bytes, descendants, resident_bytes, threads_there
from agent.scratch import ENTRIES_MAX, FOLDER_BYTES_MAX, usage

if TYPE_CHECKING:
    from pathlib import Path

_CHECK_S: Final = 0.5
_GLANCE_S: Final = 0.05
_CROWD: Final = 64
_PROCESSES_MAX: Final = 256
_MEMORY_SHARE_OF_ALL: Final = 0.95

Overran: TypeAlias = Literal["time", "disk", "processes", "memory"]


class Watch:
    """Looks at what a script uses: now and then, and at once where threads come in a crowd."""

    def __init__(self, folder: Path, spare: frozenset[int]) -> None:
        self._folder = folder
        self._spare = spare
        self._threads = threads_there()
        self._due = self._glance_due = 0.0

    def trouble(self, now: float) -> Overran | None:
        """The bound of its folder, its processes or its memory that the script has broken, if it is time."""
        if now < self._glance_due:
            return None
        threads = threads_there()
        self._glance_due = now + _GLANCE_S
        if now < self._due and threads < self._threads + _CROWD:
            return None
        self._threads = threads
        found = self._found()
        # As long as it takes it pauses: looking must not become the work.
        took_s = time.monotonic() - now
        self._due = time.monotonic() + max(_CHECK_S, took_s)
        self._glance_due = time.monotonic() + max(_GLANCE_S, took_s)
        return found

    def _found(self) -> Overran | None:
        running = descendants(self._spare)
        if len(running) > _PROCESSES_MAX:
            return "processes"
        if resident_bytes(running) > _MEMORY_SHARE_OF_ALL * memory_bytes():
            return "memory"
        used, entries = usage(self._folder)
        return "disk" if used + deleted_bytes(running) > FOLDER_BYTES_MAX or entries > ENTRIES_MAX else None
