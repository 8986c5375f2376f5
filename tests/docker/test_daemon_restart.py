"""A Docker daemon that is restarted while an attempt runs in it: one of the test's own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from aiodocker import Docker

from events.catalogue import (
    AttemptFailed,
    AttemptScheduled,
    AttemptStarted,
    AttemptSucceeded,
    ModelEvaluated,
    RetryScheduled,
    StageStarted,
)
from events.log import JobAt
from events.memory import MemoryLog
from services.executor import leftovers
from services.executor.container import docker_facts
from services.executor.docker import DockerRuntime
from services.executor.egress_gates import Gates
from services.executor.loop import Executor
from services.running import utc_now
from tests.docker.private_daemon import IMAGE, private_daemon
from tests.docker.test_adoption import STEPS, TALKING, progress
from tests.unit.executor.stage import MemoryStore, agent, running_here, schedule, settings, until

if TYPE_CHECKING:
    from pathlib import Path

    from services.logstream import LogLine
    from tests.docker.private_daemon import PrivateDaemon

pytestmark = pytest.mark.docker

ENDING = "signal.signal(15, lambda *_: sys.exit(143))\n"
WAITING = "say('stage_started', stage='training'); wait_for('/data/go'); model('m'); succeed()"


class Lines:
    """Log lines, kept."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def write(self, job_id: str, line: LogLine) -> None:
        self.texts.append(line.text)

    async def last_number(self, job_id: str, attempt: int) -> int:
        return len(self.texts)


def executor_on(docker: Docker, log: MemoryLog, folder: Path, lines: Lines) -> Executor:
    facts = docker_facts(cpus=1, memory_bytes=2**27, host_cpus=1, host_memory_bytes=2**27)
    gates = Gates(folder / "egress")
    runtime = DockerRuntime(docker, image=IMAGE, executor="restart", facts=facts, gates=gates)
    return Executor(log, runtime, MemoryStore(), settings(folder), lines=lines)


async def nothing_left(daemon: PrivateDaemon) -> None:
    async with asyncio.timeout(20):
        while await asyncio.to_thread(daemon.left):
            await asyncio.sleep(0.05)


async def test_with_live_restore_the_attempt_goes_on_and_nothing_of_it_is_lost_or_doubled(
    real_image: str, tmp_path: Path
) -> None:
    log, lines, job_id = MemoryLog(), Lines(), uuid4().hex
    public = tmp_path / "competitions" / "t" / "public"
    agent(public, ENDING + TALKING)
    with private_daemon(real_image, live_restore=True) as daemon:
        await schedule(log, job_id)
        async with (
            Docker(url=daemon.url) as docker,
            running_here(executor_on(docker, log, tmp_path, lines)),
        ):
            await until(log, job_id, lambda events: len(progress(events)) > 10)
            await asyncio.to_thread(daemon.stop)
            before = len(lines.texts)
            (public / "go").touch()
            await asyncio.to_thread(daemon.start)
            events = await until(log, job_id, AttemptSucceeded)
            await nothing_left(daemon)
    assert 0 < before < STEPS
    assert lines.texts == [f"line {step}" for step in range(STEPS)]
    assert [event.fraction for event in progress(events)] == [step / STEPS for step in range(STEPS)]
    counts = [sum(isinstance(event, kind) for event in events) for kind in (AttemptStarted, ModelEvaluated)]
    assert counts == [1, 1]


async def test_without_live_restore_the_attempt_fails_for_another_try_that_succeeds(
    real_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A daemon that is about to end may refuse to remove what it has just stopped.
    monkeypatch.setattr(leftovers, "SWEEP_S", 0.2)
    log, lines, job_id = MemoryLog(), Lines(), uuid4().hex
    public = tmp_path / "competitions" / "t" / "public"
    agent(public, ENDING + WAITING)
    with private_daemon(real_image, live_restore=False) as daemon:
        await schedule(log, job_id)
        async with (
            Docker(url=daemon.url) as docker,
            running_here(executor_on(docker, log, tmp_path, lines)),
        ):
            await until(log, job_id, StageStarted)
            await asyncio.to_thread(daemon.stop)
            await asyncio.to_thread(daemon.start)
            failed = (await until(log, job_id, AttemptFailed))[-1]
            await nothing_left(daemon)
            (public / "go").touch()
            last = (await log.read_job(job_id))[-1].sequence
            retry = RetryScheduled(job_id=job_id, attempt=2, not_before=utc_now())
            last = await log.append(retry, expect=JobAt(sequence=last))
            await log.append(AttemptScheduled(job_id=job_id, attempt=2), expect=JobAt(sequence=last))
            events = await until(log, job_id, AttemptSucceeded)
    assert isinstance(failed, AttemptFailed)
    assert (failed.reason, failed.retryable) == ("container_crashed", True)
    assert "SIGTERM" in failed.message
    evaluated = [event.attempt for event in events if isinstance(event, ModelEvaluated)]
    assert evaluated == [2]
