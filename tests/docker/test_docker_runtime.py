"""The container of an attempt, for real: its limits, its ends, what is read from it, and that it goes."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from aiodocker import Docker
from aiodocker.exceptions import DockerError

from events.catalogue import (
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    JobCancelRequested,
    StageProgressed,
    StageStarted,
)
from events.log import JobAt
from events.memory import MemoryLog
from services.executor import docker_sandbox
from services.executor.container import docker_facts
from services.executor.docker import DockerRuntime
from services.executor.loop import Executor
from services.executor.runtime import SandboxError, SandboxSpec
from tests.unit.executor.stage import PRELUDE, MemoryStore, agent, schedule, settings, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from services.executor.docker_sandbox import DockerSandbox
    from tests.docker.conftest import Runtimes

pytestmark = pytest.mark.docker

MEMORY_BYTES = 128 * 1024**2


@pytest.fixture
async def runtime(docker: Docker, runtimes: Runtimes) -> DockerRuntime:
    system = await docker.system.info()
    return runtimes(
        docker_facts(
            cpus=64, memory_bytes=MEMORY_BYTES, host_cpus=system["NCPU"], host_memory_bytes=system["MemTotal"]
        )
    )


def spec_of(runtime: DockerRuntime, tmp_path: Path, body: str, **changes: object) -> SandboxSpec:
    agent(tmp_path / "data", body)
    given = {
        "job_id": uuid4().hex,
        "attempt": 1,
        "variables": {"PODIUM_COMPETITION": "t"},
        "data_dir": tmp_path / "data",
        "cpus": runtime.facts.cpus,
        "memory_bytes": runtime.facts.memory_bytes,
        "network": False,
    }
    return SandboxSpec(**(given | changes))


async def said(sandbox: DockerSandbox) -> list[tuple[str, bytes]]:
    async with asyncio.timeout(60):
        return [item async for item in sandbox.lines()]


async def test_limits_are_set_and_lines_come_apart(
    docker: Docker, runtime: DockerRuntime, tmp_path: Path
) -> None:
    body = """
print("x" * 70_000)
print("é" * 3 + "\\x00", flush=True)
print("to stderr", file=sys.stderr, flush=True)
for path in ("/app/x", "/data/x"):
    try: open(path, "w"); print("wrote", path)
    except OSError as error: print(type(error).__name__, error.errno, flush=True)
print(sorted(os.listdir("/sys/class/net")), os.getuid() != 0, flush=True)
sys.stdout.write("no newline")
sys.exit(7)
"""
    spec = spec_of(runtime, tmp_path, body)
    sandbox = await runtime.start(spec)
    lines = await said(sandbox)
    stdout = [line for stream, line in lines if stream == "stdout"]
    assert stdout[0] == b"x" * 65536
    assert stdout[1:] == [
        "ééé\0".encode(),
        b"OSError 30",
        b"OSError 30",
        b"['lo'] True",
        b"no newline",
    ]
    assert [line for stream, line in lines if stream == "stderr"] == [b"to stderr"]
    end = await sandbox.wait()
    assert (end.code, end.out_of_memory) == (7, False)
    shown = await docker.containers.container(f"podium-{spec.job_id}-1").show()
    host = shown["HostConfig"]
    system = await docker.system.info()
    assert host["NanoCpus"] == system["NCPU"] * 10**9
    assert host["Memory"] == host["MemorySwap"] == MEMORY_BYTES
    assert (host["PidsLimit"], host["ReadonlyRootfs"], host["NetworkMode"]) == (512, True, "none")
    assert (host["CapDrop"], host["SecurityOpt"]) == (["ALL"], ["no-new-privileges:true"])
    assert host["Privileged"] is False
    assert shown["Config"]["Labels"]["podium.job_id"] == spec.job_id
    assert [found.job_id for found in await runtime.find()] == [spec.job_id]
    await sandbox.remove()
    await sandbox.remove()
    assert await runtime.find() == []
    with pytest.raises(DockerError):
        await docker.volumes.get(f"podium-{spec.job_id}-1")


async def test_lines_come_while_the_container_runs(runtime: DockerRuntime, tmp_path: Path) -> None:
    sandbox = await runtime.start(
        spec_of(
            runtime,
            tmp_path,
            "signal.signal(15, lambda *_: sys.exit(143)); print('now', flush=True); time.sleep(600)",
        )
    )
    async with asyncio.timeout(20):
        async for stream, line in sandbox.lines():
            assert (stream, line) == ("stdout", b"now")
            break
    began = asyncio.get_running_loop().time()
    await sandbox.stop()
    assert (await sandbox.wait()).code == 143
    assert asyncio.get_running_loop().time() - began < 10


async def test_memory_that_ran_out_is_called_that(runtime: DockerRuntime, tmp_path: Path) -> None:
    body = "print('eating', flush=True); blocks = [bytearray(os.urandom(2**20)) for _ in range(512)]"
    sandbox = await runtime.start(spec_of(runtime, tmp_path, body))
    assert await said(sandbox) == [("stdout", b"eating")]
    end = await sandbox.wait()
    assert (end.code, end.out_of_memory) == (137, True)


async def test_a_missing_image_says_what_to_do(
    runtimes: Runtimes, runtime: DockerRuntime, tmp_path: Path
) -> None:
    other = runtimes(runtime.facts, image="podium-absent:none")
    with pytest.raises(SandboxError) as caught:
        await other.start(spec_of(runtime, tmp_path, "pass"))
    assert caught.value.failure.reason == "image_missing"
    assert not caught.value.failure.retryable
    assert "deploy/build-images" in caught.value.failure.message
    assert await other.find() == []


async def test_a_container_that_somebody_removed_is_an_error(
    docker: Docker, runtime: DockerRuntime, tmp_path: Path
) -> None:
    spec = spec_of(runtime, tmp_path, "print('up', flush=True); time.sleep(600)")
    sandbox = await runtime.start(spec)
    lines = sandbox.lines()
    await anext(lines)
    await docker.containers.container(f"podium-{spec.job_id}-1").delete(force=True)
    with pytest.raises(SandboxError) as caught:
        await anext(lines)
    assert caught.value.failure.retryable


async def test_a_connection_that_breaks_costs_no_line_and_doubles_none(
    runtime: DockerRuntime, tmp_path: Path
) -> None:
    body = "for i in range(200): print(i, flush=True); time.sleep(0.005)"
    daemon = Path(runtime._docker._connection_info.removeprefix("unix://"))
    if not daemon.is_socket():
        pytest.skip("the Docker daemon does not listen on a Unix socket")
    proxy = tmp_path / "proxy.sock"
    async with cutting_proxy(daemon, proxy) as cut, Docker(url=f"unix://{proxy}") as through:
        proxied = DockerRuntime(
            through,
            image=runtime._image,
            executor=runtime._executor,
            facts=runtime.facts,
            gates=runtime._gates,
        )
        sandbox = await proxied.start(spec_of(runtime, tmp_path, body))
        seen = []
        async with asyncio.timeout(60):
            async for _, line in sandbox.lines():
                seen.append(int(line))
                if len(seen) in {20, 21, 100}:
                    cut()
        assert (await sandbox.wait()).code == 0
    assert seen == list(range(200))


@asynccontextmanager
async def cutting_proxy(daemon: Path, at: Path) -> AsyncIterator[Callable[[], None]]:
    """A socket that leads to the daemon, and a function that cuts all connections through it."""
    writers: set[asyncio.StreamWriter] = set()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_unix_connection(str(daemon))
        writers.update((writer, there_writer))
        await asyncio.gather(pipe(reader, there_writer), pipe(there_reader, writer))

    def cut() -> None:
        for writer in writers:
            writer.transport.abort()
        writers.clear()

    server = await asyncio.start_unix_server(lead, str(at))
    yield cut
    server.close()
    cut()
    await asyncio.sleep(0.05)


TIMED = """
say("stage_started", stage="analysis")
for step in range(20):
    say("stage_progressed", stage="analysis", fraction=step / 20, message=str(time.time()))
    time.sleep(0.05)
model("m")
succeed()
"""


@pytest.mark.alone
async def test_attempts_in_containers_become_events(
    runtime: DockerRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_sandbox, "STOP_S", 1)
    log, store, given = MemoryLog(), MemoryStore(), settings(tmp_path)
    for slug, body in (
        ("good", TIMED),
        (
            "stubborn",
            "signal.signal(15, signal.SIG_IGN); say('stage_started', stage='analysis'); time.sleep(600)",
        ),
        ("broken", "raise SystemExit('boom')"),
    ):
        public = tmp_path / "competitions" / slug / "public"
        public.mkdir(parents=True)
        (public / "agent.py").write_text(PRELUDE + body)
    jobs = {slug: uuid4().hex for slug in ("good", "stubborn", "broken")}
    for slug, job_id in jobs.items():
        await schedule(log, job_id, competition=slug)
    executor = Executor(log, runtime, store, given)
    task = asyncio.create_task(executor.run())
    events = await until(log, jobs["good"], AttemptSucceeded)
    started = events[2]
    assert isinstance(started, AttemptStarted)
    assert started.runtime == "docker"
    assert any("CPUs" in note for note in started.notes)
    lags_s = [
        record.time.timestamp() - float(record.event.message)
        for record in await log.read_job(jobs["good"])
        if isinstance(record.event, StageProgressed)
    ]
    assert len(lags_s) == 20
    assert median(lags_s) < 0.2, "what an agent says is in the log at once"
    assert store.files[f"{jobs['good']}/1/submission.csv"] == b"id,y\n1,2\n"
    crashed = (await until(log, jobs["broken"], AttemptFailed))[-1]
    assert isinstance(crashed, AttemptFailed)
    assert crashed.reason == "container_crashed"
    assert "exit code 1" in crashed.message
    assert "boom" in crashed.message
    await until(log, jobs["stubborn"], StageStarted)
    last = (await log.read_job(jobs["stubborn"]))[-1].sequence
    await log.append(JobCancelRequested(job_id=jobs["stubborn"]), expect=JobAt(sequence=last))
    ended = (await until(log, jobs["stubborn"], AttemptFailed, timeout_s=10))[-1]
    assert isinstance(ended, AttemptFailed)
    assert ended.reason == "cancelled"
    async with asyncio.timeout(10):
        while executor.running:
            await asyncio.sleep(0.05)
    assert await runtime.find() == []
    task.cancel()
    await asyncio.wait({task})
