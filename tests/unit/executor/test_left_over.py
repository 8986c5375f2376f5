"""An executor counts the sandboxes that it found left over and could not remove."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from events.memory import MemoryLog
from services.executor.loop import Executor
from services.executor.runtime import Facts, SandboxError
from tests.unit.executor.stage import MemoryStore, running_here, settings

if TYPE_CHECKING:
    from pathlib import Path


class Left:
    """A sandbox of a job that no log knows of."""

    def __init__(self, *, stuck: bool) -> None:
        self.job_id, self.attempt = "gone", 1
        self._stuck = stuck

    async def adopt(self) -> None:
        raise AssertionError("of a job that is gone")

    async def remove(self) -> None:
        if self._stuck:
            raise SandboxError("busy", "It does not go away.", retryable=True)


class Found:
    """A runtime in which such sandboxes are."""

    facts = Facts(runtime="docker", cpus=1, memory_bytes=1)

    def __init__(self, *left: Left) -> None:
        self._left = left
        self.looked = asyncio.Event()

    async def find(self) -> list[Left]:
        self.looked.set()
        return list(self._left)


async def test_what_could_not_be_removed_is_counted(tmp_path: Path) -> None:
    runtime = Found(Left(stuck=True), Left(stuck=False), Left(stuck=True))
    executor = Executor(MemoryLog(), runtime, MemoryStore(), settings(tmp_path))
    async with running_here(executor), asyncio.timeout(10):
        await runtime.looked.wait()
        while executor.left_over == 0:
            await asyncio.sleep(0.01)
    assert executor.left_over == 2
