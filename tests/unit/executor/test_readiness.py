"""While its runtime does not answer an executor claims nothing: a long outage costs no job a retry."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from events.catalogue import AttemptFailed, AttemptScheduled, AttemptStarted, JobRequested
from events.memory import MemoryLog
from services.executor.loop import Executor
from services.executor.runtime import Facts, SandboxError
from tests.unit.executor.stage import MemoryStore, events_of, running_here, schedule, settings, until

if TYPE_CHECKING:
    from pathlib import Path

    from services.executor.runtime import SandboxSpec


class Away:
    """A runtime that does not answer until it is said to; what it is to start it cannot."""

    facts = Facts(runtime="docker", cpus=1, memory_bytes=1)

    def __init__(self) -> None:
        self.away = True
        self.asked = asyncio.Semaphore(0)

    async def ping(self) -> None:
        self.asked.release()
        if self.away:
            raise SandboxError("docker_unavailable", "no answer", retryable=True)

    async def find(self) -> list[object]:
        return []

    async def start(self, spec: SandboxSpec) -> None:
        raise SandboxError("start_failed", f"{spec.job_id} was claimed", retryable=True)


async def test_nothing_is_claimed_until_the_runtime_answers_again(tmp_path: Path) -> None:
    log, runtime = MemoryLog(), Away()
    await schedule(log, "j1")
    await schedule(log, "j2")
    async with running_here(Executor(log, runtime, MemoryStore(), settings(tmp_path))), asyncio.timeout(10):
        for _ in range(2):
            await runtime.asked.acquire()
        assert [type(event) for event in await events_of(log, "j1")] == [JobRequested, AttemptScheduled]
        runtime.away = False
        for job_id in ("j1", "j2"):
            ended = await until(log, job_id, AttemptFailed)
            assert [type(event) for event in ended[2:]] == [AttemptStarted, AttemptFailed]
