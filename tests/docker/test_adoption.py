"""`kill -9` of an executor while its containers run: the next one goes on with them, and repeats no work."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from aiodocker.exceptions import DockerError
from aiodocker.volumes import DockerVolume

from events.catalogue import (
    AttemptFailed,
    AttemptLost,
    AttemptStarted,
    AttemptSucceeded,
    JobCancelRequested,
    ModelEvaluated,
    StageCompleted,
    StageProgressed,
)
from events.jetstream import JetStreamLog, ensure_stream
from events.log import JobAt
from events.memory import MemoryLog
from events.progress import KEPT_BACK, KEYS_ASKED
from services.artifacts import ensure_bucket
from services.executor import leftovers
from services.executor.collection import LOG
from services.executor.container import LABEL_ATTEMPT, LABEL_EXECUTOR, LABEL_JOB, docker_facts
from services.executor.docker import DockerRuntime
from services.executor.egress_gates import Gates
from services.executor.loop import Executor
from services.logstream import LogLines
from tests.docker.killable import Killable
from tests.secrecy import CANARY, TELLING, all_stored
from tests.unit.executor.stage import MemoryStore, events_of, schedule, settings, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

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


@asynccontextmanager
async def made(docker: Docker, image: str, *labels: dict[str, str]) -> AsyncIterator[list[str]]:
    """Containers and volumes with these labels, both of the same names; whichever is left goes at the end."""
    names = [f"swept-{uuid4().hex}" for _ in labels]
    for name, given in zip(names, labels, strict=True):
        await docker.volumes.create({"Name": name, "Labels": given})
        await docker.containers.create({"Image": image, "Labels": given}, name=name)
    yield names
    for name in names:
        if name in await containers(docker):
            await docker.containers.container(name).delete(force=True)
        if name in await volumes(docker):
            await DockerVolume(docker, name).delete()


async def containers(docker: Docker) -> set[str]:
    return {found["Names"][0].lstrip("/") for found in await docker.containers.list(all=True)}


async def volumes(docker: Docker) -> set[str]:
    return {found["Name"] for found in (await docker.volumes.list())["Volumes"]}


async def test_only_sandboxes_of_this_executor_whose_attempts_are_over_are_swept(
    docker: Docker, scripted_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "SWEEP_S", 0.2)
    log, mine = MemoryLog(), f"adopt-{uuid4().hex[:12]}"
    live, over = uuid4().hex, uuid4().hex
    for job_id in (live, over):
        last = await schedule(log, job_id)
        started = AttemptStarted(
            job_id=job_id, attempt=1, executor=mine, runtime="docker", cpus=1, memory_bytes=1
        )
        last = await log.append(started, expect=JobAt(sequence=last))
    # What the log has not told the executor yet is an attempt of which only the sandbox shows that it began.
    untold = uuid4().hex
    await schedule(log, untold)
    await log.append(JobCancelRequested(job_id=untold), expect=JobAt(sequence=8))
    await log.append(
        AttemptFailed(job_id=over, attempt=1, reason="r", message="m", retryable=True),
        expect=JobAt(sequence=last),
    )

    def owned(job_id: str, executor: str = mine) -> dict[str, str]:
        return {LABEL_JOB: job_id, LABEL_ATTEMPT: "1", LABEL_EXECUTOR: executor}

    runtime = DockerRuntime(
        docker,
        image=scripted_image,
        executor=mine,
        facts=docker_facts(cpus=1, memory_bytes=2**27, host_cpus=1, host_memory_bytes=2**27),
        gates=Gates(tmp_path / "egress"),
    )
    async with made(
        docker,
        scripted_image,
        owned(over),
        owned(uuid4().hex),
        owned(untold),
        owned(over, executor="another"),
        {"somebody.elses": mine},
        {LABEL_EXECUTOR: mine},
    ) as names:
        task = asyncio.create_task(
            Executor(log, runtime, MemoryStore(), settings(tmp_path, executor=mine)).run()
        )
        await until(log, live, AttemptFailed)
        gone, kept = set(names[:2]), set(names[2:])
        async with asyncio.timeout(20):
            while gone & (await containers(docker) | await volumes(docker)):
                await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)
        assert kept <= await containers(docker)
        assert kept <= await volumes(docker)
        async with made(docker, scripted_image, owned(over)) as (late,):
            async with asyncio.timeout(10):
                while late in await containers(docker) | await volumes(docker):
                    await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait({task})


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
    assert executor.said().count('"event":"adopted"') == 2


ASKING = f"""
import socket
def ask():
    with socket.socket(socket.AF_UNIX) as there:
        there.connect(os.environ["PODIUM_EGRESS_SOCKET"])
        there.sendall({KEYS_ASKED!r})
        return json.loads(b"".join(iter(lambda: there.recv(65536), b"")))
os.environ.update(ask())
assert ask() == {{}}, "the keys were told twice"
"""


def layers_hold(image: str, words: str) -> bool:
    """Whether words stand anywhere in the layers of an image."""
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as save:
        found = subprocess.run(["grep", "-qaF", words], stdin=save.stdout, check=False).returncode == 0
    assert found or save.returncode == 0
    return found


async def test_no_secret_leaves_a_container(
    docker: Docker, scripted_image: str, nats_server: NatsServer, connection: Client, tmp_path: Path
) -> None:
    log, job_id = JetStreamLog(connection, source="test"), uuid4().hex
    executor = Killable(tmp_path, nats_server.url, scripted_image)
    (tmp_path / "key").write_text(CANARY + "\n")
    executor.set(ANTHROPIC_API_KEY_FILE=str(tmp_path / "key"))
    folder = executor.competition("telling", ASKING + TELLING + "wait_for('/data/go')")
    await schedule(log, job_id, competition="telling")
    await executor.start()
    try:
        await until(log, job_id, StageCompleted)
        shown = await docker.containers.container(f"podium-{job_id}-1").show()
        (folder / "go").touch()
        succeeded = (await until(log, job_id, AttemptSucceeded))[-1]
    finally:
        await executor.stop()
    assert isinstance(succeeded, AttemptSucceeded)
    assert [artifact.name for artifact in succeeded.artifacts] == ["submission.csv", "plan.json", LOG]
    labels = await volumes_labels(docker)
    assert f"ANTHROPIC_API_KEY={KEPT_BACK}" in shown["Config"]["Env"]
    assert CANARY not in f"{shown} {labels} {await docker.images.history(scripted_image)}"
    assert not await asyncio.to_thread(layers_hold, scripted_image, CANARY)
    stored = await all_stored(connection)
    assert b"told" in stored["LOGS"]
    assert not [name for name, text in stored.items() if CANARY.encode() in text]
    assert "attempt_succeeded" in executor.said()
    assert CANARY not in executor.said()


async def volumes_labels(docker: Docker) -> list[object]:
    return [found["Labels"] for found in (await docker.volumes.list())["Volumes"]]
