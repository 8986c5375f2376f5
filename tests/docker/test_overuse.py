"""Whole jobs that take too much of their container: each ends soon, and is told for what."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from events.catalogue import AttemptFailed, AttemptScheduled, AttemptStarted, JobRequested, StageProgressed
from events.log import JobAt
from events.memory import MemoryLog
from services.executor import disk, docker_sandbox
from services.executor.container import docker_facts
from services.executor.loop import Executor
from services.quota import quota_problem
from tests.unit.executor.stage import PRELUDE, MemoryStore, events_of, running_here, settings, until

if TYPE_CHECKING:
    from pathlib import Path

    from aiodocker import Docker

    from events.recorded import Recorded
    from tests.docker.conftest import Runtimes

pytestmark = pytest.mark.docker

PIECE_BYTES = 2**20
PIECES_MAX = 32
PIECES_PER_S = 16
LOOK_AND_KILL_S = 2.0

BODIES = {
    "memory": "held = [os.urandom(2**22) for _ in range(1000)]",
    "time": "signal.signal(15, signal.SIG_IGN)\nwhile True: pass",
    # Says what it has written before each piece, and what the kernel says once it lets it write no more.
    "disk": f"""
import errno
for number in range(10**6):
    say("stage_progressed", stage="training", fraction=0.5, message=str(number))
    try:
        (output / str(number)).write_bytes(os.urandom({PIECE_BYTES}))
    except OSError as error:
        assert error.errno in (errno.ENOSPC, errno.EDQUOT), error
        say("failed", reason="disk_full", message=str(number), retryable=True)
        sys.exit(1)
    time.sleep(1 / {PIECES_PER_S})
""",
}


async def test_a_job_that_takes_too_much_memory_time_or_disk_says_which(
    docker: Docker, runtimes: Runtimes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_sandbox, "STOP_S", 1)
    log, jobs = MemoryLog(), {name: uuid4().hex for name in BODIES}
    for name, body in BODIES.items():
        public = tmp_path / "competitions" / name / "public"
        public.mkdir(parents=True)
        (public / "agent.py").write_text(PRELUDE + body)
        requested = JobRequested(
            job_id=jobs[name],
            competition=name,
            source="local",
            kaggle_url=f"local:{name}",
            time_limit_s=1 if name == "time" else None,
        )
        sequence = await log.append(requested, expect=JobAt(sequence=0))
        await log.append(AttemptScheduled(job_id=jobs[name], attempt=1), expect=JobAt(sequence=sequence))
    system = await docker.system.info()
    bound = "measured" if await quota_problem(docker) else "kernel"
    runtime = runtimes(
        docker_facts(
            cpus=64,
            memory_bytes=2**29,
            host_cpus=system["NCPU"],
            host_memory_bytes=system["MemTotal"],
            disk_bound=bound,
        ),
        disk_bytes=PIECES_MAX * PIECE_BYTES,
    )
    given = settings(tmp_path, disk_bytes_max=PIECES_MAX * PIECE_BYTES)
    async with running_here(Executor(log, runtime, MemoryStore(), given)) as executor:
        ended = {name: (await until(log, job, AttemptFailed))[-1] for name, job in jobs.items()}
        async with asyncio.timeout(20):
            while executor.running:
                await asyncio.sleep(0.05)
    failed = {name: event for name, event in ended.items() if isinstance(event, AttemptFailed)}
    reasons = {name: event.reason for name, event in failed.items()}
    assert reasons == {"memory": "out_of_memory", "time": "time_limit", "disk": "disk_full"}
    assert await runtime.find() == []
    started = (await events_of(log, jobs["memory"]))[2]
    assert isinstance(started, AttemptStarted)
    assert started.cpus == system["NCPU"]
    assert started.notes == (f"64 CPUs were asked for, the machine has {system['NCPU']}",)
    assert started.disk_bound == bound
    assert (failed["disk"].disk_bytes_peak or 0) > (PIECES_MAX - PIECES_PER_S) * PIECE_BYTES
    assert_bounded(bound, await log.read_job(jobs["disk"]))


def assert_bounded(bound: str, records: list[Recorded]) -> None:
    """No more was written than the kernel allows, or than can be between two looks."""
    said = [record.event for record in records if isinstance(record.event, StageProgressed)]
    written = int(said[-1].message)
    assert written >= PIECES_MAX - 1
    more = 0.0 if bound == "kernel" else PIECES_PER_S * (disk.CHECK_S + LOOK_AND_KILL_S)
    assert written <= PIECES_MAX + more
