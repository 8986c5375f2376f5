"""How long until an attempt speaks, beside `docker run` of its image, and how long its words take to the log.

And how large the image is, by what takes the room.

python -m tests.bench.bench_startup --runs 10
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from aiodocker import Docker
from msgspec.structs import replace

from cli.embedded.image import agent_image
from events.catalogue import AttemptFailed, AttemptScheduled, AttemptSucceeded, StageProgressed, StageStarted
from events.jetstream import JetStreamLog, ensure_stream
from services.artifacts import ArtifactStore, ensure_bucket
from services.executor.container import docker_facts
from services.executor.docker import DockerRuntime
from services.executor.egress_gates import Gates
from services.executor.loop import Executor
from services.logstream import LogLines, ensure_log_stream
from tests.servers import NatsServer
from tests.unit.executor.stage import PRELUDE, schedule, settings, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from events.recorded import Recorded

ROOT = Path(__file__).parents[2]
WORDS = 200
TALKING = f"""
for number in range({WORDS}):
    say("stage_progressed", stage="training", fraction=0.5, message=repr(time.time()))
    time.sleep(0.03)
succeed()
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10, help="attempts and bare runs (default: %(default)s)")
    runs = parser.parse_args().runs
    image = agent_image()
    subprocess.run([ROOT / "deploy" / "image-size", image], check=True)
    found = asyncio.run(starts(image, runs))
    for what, seconds in found.items():
        print(f"{what:<{max(map(len, found))}}  {told(seconds)}")
    bare, until_line, attempt, with_way_out = (statistics.median(seconds) for seconds in found.values())
    print(f"ratio of the medians, to `docker run`: {attempt / bare:.2f}, {with_way_out / bare:.2f}")
    print(
        "ratio of the medians, to its line alone:   "
        f"{attempt / until_line:.2f}, {with_way_out / until_line:.2f}"
    )
    lags = asyncio.run(lags_s(image))
    p50, p99 = statistics.median(lags), statistics.quantiles(lags, n=100)[98]
    print(f"said to stored, {len(lags)} messages: p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms")


def told(seconds: list[float]) -> str:
    return f"median {statistics.median(seconds):.3f} s, {min(seconds):.3f} to {max(seconds):.3f}"


def bare_run_s(image: str) -> tuple[float, float]:
    """`docker run` of an interpreter that prints a line: from command to its end, and to that line."""
    command = ["docker", "run", "--rm", "--network", "none", "--entrypoint", "/opt/venv/bin/python", image]
    began = time.perf_counter()
    with subprocess.Popen([*command, "-c", "print(1)"], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"1\n"
        line_s = time.perf_counter() - began
        run.wait()
    assert run.returncode == 0
    return time.perf_counter() - began, line_s


@contextlib.asynccontextmanager
async def executing(
    folder: Path, image: str, model_variables: dict[str, str] | None = None
) -> AsyncIterator[JetStreamLog]:
    """An executor on Docker over a broker of its own."""
    server = NatsServer(folder)
    server.start()
    given = replace(
        settings(folder), executor=f"bench-{uuid4().hex[:8]}", model_variables=model_variables or {}
    )
    async with server.connection() as connection, Docker() as docker:
        js = connection.jetstream()
        await ensure_stream(js)
        await ensure_bucket(js)
        await ensure_log_stream(js, bytes_max=2**24, days=1)
        host = await docker.system.info()
        facts = docker_facts(
            cpus=1, memory_bytes=2**30, host_cpus=host["NCPU"], host_memory_bytes=host["MemTotal"]
        )
        runtime = DockerRuntime(
            docker,
            image=image,
            executor=given.executor,
            facts=facts,
            gates=Gates(given.work_dir / "egress"),
        )
        log = JetStreamLog(connection, source="bench")
        executor = Executor(log, runtime, ArtifactStore(js), given, lines=LogLines(connection))
        running = asyncio.create_task(executor.run())
        try:
            yield log
        finally:
            running.cancel()
            await asyncio.wait({running})
    server.kill()


async def starts(image: str, runs: int) -> dict[str, list[float]]:
    """Seconds by what took them, one of each after the other: a busy machine is busy for all of them."""
    found: dict[str, list[float]] = {
        "docker run of an interpreter that prints a line": [],
        "the same, until the line is there": [],
        "AttemptScheduled to the first message": [],
        "the same, with a way out": [],
    }
    bare, until_line, attempt, with_way_out = found.values()
    key = {"ANTHROPIC_API_KEY": "sk-none", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        async with executing(Path(one), image) as log, executing(Path(other), image, key) as open_log:
            for _ in range(runs):
                whole_s, line_s = await asyncio.to_thread(bare_run_s, image)
                bare.append(whole_s)
                until_line.append(line_s)
                attempt.append(await start_s(log))
                with_way_out.append(await start_s(open_log))
    return found


async def start_s(log: JetStreamLog) -> float:
    """From the scheduling to the first message of the real agent, by the events' own times."""
    job_id = uuid4().hex
    await schedule(log, job_id)
    await until(log, job_id, AttemptFailed)  # there is no data
    records = await log.read_job(job_id)
    return time_of(records, StageStarted) - time_of(records, AttemptScheduled)


def time_of(records: list[Recorded], kind: type) -> float:
    return next(record.time.timestamp() for record in records if isinstance(record.event, kind))


async def lags_s(image: str) -> list[float]:
    """From the moment an agent speaks, by its own clock, to that at which its word is written."""
    scripted = "podium-agent-bench:scripted"
    recipe = f'FROM {image}\nENTRYPOINT ["python3", "-I", "-S", "/data/agent.py"]\n'
    subprocess.run(
        ["docker", "build", "-q", "-t", scripted, "-"],
        input=recipe.encode(),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with tempfile.TemporaryDirectory() as folder:
        async with executing(Path(folder), scripted) as log:
            public = Path(folder) / "competitions" / "t" / "public"
            (public / "agent.py").write_text(PRELUDE + TALKING)
            for path in (Path(folder), *Path(folder).rglob("*")):
                path.chmod(0o755)
            job_id = uuid4().hex
            await schedule(log, job_id)
            await until(log, job_id, AttemptSucceeded, timeout_s=60)
            records = await log.read_job(job_id)
    said = [record for record in records if isinstance(record.event, StageProgressed)]
    assert len(said) == WORDS, "a message is missing"
    return [record.time.timestamp() - float(record.event.message) for record in said]


if __name__ == "__main__":
    main()
