"""`kill -9` of an executor while its containers run: the next one goes on with them, and repeats no work."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from aiodocker.exceptions import DockerError

from events.catalogue import AttemptLost, AttemptStarted, AttemptSucceeded, ModelEvaluated, StageProgressed
from events.jetstream import JetStreamLog, ensure_stream
from events.log import JobAt
from services.artifacts import ensure_bucket
from services.logstream import LogLines
from tests.unit.executor.stage import PRELUDE, events_of, schedule, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiodocker import Docker
    from nats.aio.client import Client

    from events.catalogue import Event
    from tests.servers import NatsServer

pytestmark = pytest.mark.docker

STEPS = 40
TALKING = f"""
for step in range({STEPS}):
    say("stage_progressed", stage="training", fraction=step / {STEPS}, message=repr(time.time()))
    print("line", step, file=sys.stderr, flush=True)
    time.sleep(0.05)
    if step == 20:
        wait_for("/data/go")
model("m")
succeed()
"""
QUICK = "say('stage_started', stage='training'); wait_for('/data/go'); model('m'); succeed()"
ENDLESS = "say('stage_started', stage='training'); time.sleep(600)"


class Killable:
    """An executor as a process of its own, on Docker."""

    def __init__(self, folder: Path, nats_url: str, image: str) -> None:
        self.id = f"adopt-{uuid4().hex[:12]}"
        self._folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            **{name: os.environ[name] for name in ("DOCKER_HOST",) if name in os.environ},
            "NATS_URL": nats_url,
            "PODIUM_RUNTIME": "docker",
            "PODIUM_AGENT_IMAGE": image,
            "PODIUM_EXECUTOR_ID": self.id,
            "PODIUM_CPUS": "0.5",
            "PODIUM_MEMORY_BYTES": str(128 * 1024**2),
            "PODIUM_WORK_DIR": str(folder / "work"),
            "PODIUM_COMPETITIONS_DIR": str(folder / "competitions"),
        }
        self._process: asyncio.subprocess.Process | None = None

    def competition(self, name: str, body: str) -> Path:
        """A competition whose agent does what `body` says; its public folder, /data to the agent."""
        public = self._folder / "competitions" / name / "public"
        public.mkdir(parents=True)
        (public / "agent.py").write_text(PRELUDE + body)
        return public

    async def start(self) -> None:
        with (self._folder / "executor.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.executor"),
                env=self._environment,
                cwd=Path(__file__).parents[2],
                stderr=log,
            )

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        await self._process.wait()

    def said(self) -> str:
        return (self._folder / "executor.log").read_text()


@pytest.fixture
async def connection(nats_server: NatsServer) -> AsyncIterator[Client]:
    async with nats_server.connection() as client:
        await ensure_stream(client.jetstream())
        await ensure_bucket(client.jetstream())
        yield client


def progress(events: list[Event]) -> list[StageProgressed]:
    return [event for event in events if isinstance(event, StageProgressed)]


async def exists(docker: Docker, job_id: str) -> bool:
    try:
        await docker.containers.container(f"podium-{job_id}-1").show()
    except DockerError:
        return False
    return True


async def test_a_killed_executor_goes_on_with_its_containers_once_it_is_back(
    docker: Docker, scripted_image: str, nats_server: NatsServer, connection: Client, tmp_path: Path
) -> None:
    log = JetStreamLog(connection, source="test")
    executor = Killable(tmp_path, nats_server.url, scripted_image)
    folders = {
        name: executor.competition(name, body)
        for name, body in (("talking", TALKING), ("quick", QUICK), ("endless", ENDLESS))
    }
    jobs = {name: uuid4().hex for name in folders}
    for name, job_id in jobs.items():
        await schedule(log, job_id, competition=name)
    await executor.start()
    for name, job_id in jobs.items():
        await until(log, job_id, lambda events, name=name: len(events) > (15 if name == "talking" else 3))
    await executor.kill()
    before = len(progress(await events_of(log, jobs["talking"])))
    # While nobody listens, one agent ends, one goes on talking, and one attempt is declared lost.
    (folders["quick"] / "go").touch()
    last = (await log.read_job(jobs["endless"]))[-1].sequence
    lost = AttemptLost(job_id=jobs["endless"], attempt=1, executor=executor.id, silent_s=30)
    await log.append(lost, expect=JobAt(sequence=last))
    await asyncio.sleep(1.5)
    await executor.start()
    await asyncio.sleep(0.5)
    (folders["talking"] / "go").touch()
    try:
        talked = await until(log, jobs["talking"], AttemptSucceeded)
        ended = await until(log, jobs["quick"], AttemptSucceeded)
        async with asyncio.timeout(20):
            while any([await exists(docker, job_id) for job_id in jobs.values()]):
                await asyncio.sleep(0.1)
    finally:
        await executor.stop()
    assert 0 < before < STEPS
    assert [event.fraction for event in progress(talked)] == [step / STEPS for step in range(STEPS)]
    for events in (talked, ended):
        assert sum(isinstance(event, AttemptStarted) for event in events) == 1
        assert sum(isinstance(event, ModelEvaluated) for event in events) == 1
        assert isinstance(events[-1], AttemptSucceeded)
    lines = [line.text async for line in LogLines(connection).stored(jobs["talking"])]
    assert lines == [f"line {step}" for step in range(STEPS)]
    assert (await events_of(log, jobs["endless"]))[-1] == lost
    assert executor.said().count('"event": "adopted"') == 2
