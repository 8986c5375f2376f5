"""What the executor's tests play with: scripted agents, a store in memory, a log that fails on demand."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from events.catalogue import Artifact, AttemptScheduled, JobRequested
from events.log import JobAt, UnavailableError
from services.artifacts import ArtifactError
from services.environment import Environment
from services.executor.loop import Executor
from services.executor.machine import this_machine
from services.executor.process import ProcessRuntime, process_facts
from services.executor.settings import read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from events.catalogue import Event
    from events.log import Batch, Expectation, Log
    from events.recorded import Recorded
    from services.executor.collection import Store
    from services.executor.settings import Settings

PRELUDE = """
import json, os, signal, subprocess, sys, time
from pathlib import Path
output, work = Path(os.environ["PODIUM_OUTPUT_DIR"]), Path(os.environ["PODIUM_WORK_DIR"])
work.mkdir(exist_ok=True)
said, nonce = 0, os.environ.pop("PODIUM_NONCE", "")
def say(type, **fields):
    global said
    said += 1
    line = {"nonce": nonce, "number": said, "message": {"type": type, **fields}}
    sys.stdout.write(json.dumps(line) + "\\n")
    sys.stdout.flush()
def model(name):
    say("model_evaluated", model=name, metric="rmse", maximize=False, score=0.5, fold_scores=[0.4, 0.6])
def succeed(*names):
    (output / "submission.csv").write_text("id,y\\n1,2\\n")
    say("succeeded", competition="t", task="regression", metric="rmse", maximize=False, score=0.5,
        fold_scores=[0.4, 0.6], artifacts=["submission.csv", *names])
def wait_for(path):
    while not Path(path).exists():
        time.sleep(0.01)
"""

BWRAP = Path("/nowhere/bwrap")


def agent(folder: Path, body: str) -> tuple[str, ...]:
    """The command of an agent that does what `body` says."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "agent.py"
    script.write_text(PRELUDE + body)
    return (sys.executable, "-I", "-S", str(script))


def settings(tmp_path: Path, **changes: object) -> Settings:
    (tmp_path / "competitions" / "t" / "public").mkdir(parents=True, exist_ok=True)
    variables = {
        "PODIUM_WORK_DIR": str(tmp_path / "work"),
        "PODIUM_COMPETITIONS_DIR": str(tmp_path / "competitions"),
        "PODIUM_EXECUTOR_ID": "one",
        "PODIUM_SLOTS": "10",
    }
    return replace(read(Environment(variables)), **changes)


def process_runtime(settings: Settings, command: tuple[str, ...]) -> ProcessRuntime:
    return ProcessRuntime(
        work_dir=settings.work_dir,
        executor=settings.executor,
        facts=process_facts(this_machine(), cpus=settings.cpus, memory_bytes=settings.memory_bytes),
        bwrap=BWRAP,
        command=command,
    )


class MemoryStore:
    """Artifacts in a dict; refuses the first `failures` of them."""

    def __init__(self, failures: int = 0) -> None:
        self.files: dict[str, bytes] = {}
        self._failures = failures

    async def put(self, *, job_id: str, attempt: int, name: str, data: bytes) -> Artifact:
        if self._failures:
            self._failures -= 1
            raise ArtifactError("no")
        self.files[f"{job_id}/{attempt}/{name}"] = data
        return Artifact(
            name=name,
            key=f"{job_id}/{attempt}/{name}",
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )


class FlakyLog:
    """A log whose next appends are lost on the way there ("lost") or on the way back ("unheard")."""

    def __init__(self, log: Log, *faults: str) -> None:
        self._inner = log
        self.faults = list(faults)

    async def append(self, event: Event, *, expect: Expectation) -> int:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "lost":
            raise UnavailableError(fault)
        sequence = await self._inner.append(event, expect=expect)
        if fault == "unheard":
            raise UnavailableError(fault)
        return sequence

    async def read_job(self, job_id: str) -> list[Recorded]:
        if self.faults and self.faults[0] == "unreadable":
            self.faults.pop(0)
            raise UnavailableError("unreadable")
        return await self._inner.read_job(job_id)

    def follow(self, *, after: int) -> AsyncIterator[Batch]:
        return self._inner.follow(after=after)


async def schedule(log: Log, job_id: str, *, competition: str = "t") -> int:
    """A job whose first attempt may start; the sequence of its last event."""
    requested = JobRequested(job_id=job_id, competition=competition, source="local", kaggle_url="local:t")
    sequence = await log.append(requested, expect=JobAt(sequence=0))
    return await log.append(AttemptScheduled(job_id=job_id, attempt=1), expect=JobAt(sequence=sequence))


async def events_of(log: Log, job_id: str) -> list[Event]:
    return [record.event for record in await log.read_job(job_id)]


async def until(
    log: Log, job_id: str, reached: type[Event] | Callable[[list[Event]], bool], *, timeout_s: float = 30
) -> list[Event]:
    """The events of a job once they hold one of a type, or satisfy a condition."""
    events: list[Event] = []
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                events = await events_of(log, job_id)
                last = isinstance(reached, type) and any(isinstance(event, reached) for event in events)
                if last or (not isinstance(reached, type) and reached(events)):
                    return events
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited in vain; there are {events}") from None


@asynccontextmanager
async def executing(
    log: Log, settings: Settings, command: tuple[str, ...], store: Store | None = None
) -> AsyncIterator[Executor]:
    """An executor of child processes that runs, and is stopped at the end."""
    executor = Executor(log, process_runtime(settings, command), store or MemoryStore(), settings)
    async with running_here(executor):
        yield executor


@asynccontextmanager
async def running_here(executor: Executor) -> AsyncIterator[Executor]:
    """An executor that runs, and is stopped at the end."""
    task = asyncio.create_task(executor.run())
    try:
        yield executor
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
