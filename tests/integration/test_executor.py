"""The executor with real child processes: what an agent says and does becomes events, as it happens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from events.catalogue import (
    AttemptFailed,
    AttemptLost,
    AttemptStarted,
    AttemptSucceeded,
    JobCancelRequested,
    ModelEvaluated,
    StageCompleted,
    StageProgressed,
    StageStarted,
)
from events.log import JobAt
from events.memory import MemoryLog
from services.executor import attempt
from services.executor.collection import LOG
from services.executor.process import NOTE
from services.executor.runtime import SandboxSpec
from tests.unit.executor.stage import (
    BWRAP,
    FlakyLog,
    MemoryStore,
    agent,
    events_of,
    executing,
    process_runtime,
    schedule,
    settings,
    until,
)

if TYPE_CHECKING:
    from events.catalogue import Event


def failure(events: list[Event]) -> AttemptFailed:
    (found,) = [event for event in events if isinstance(event, AttemptFailed)]
    return found


def alive(tmp_path: Path) -> list[int]:
    """Those of the process ids in the file `pids` that still run."""
    running = []
    for pid in (tmp_path / "pids").read_text().split():
        with contextlib.suppress(FileNotFoundError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                running.append(int(pid))
    return running


def forking(tmp_path: Path) -> str:
    """A body that starts a child as hostile code would: session and environment its own, deaf to SIGTERM."""
    return f"""
child = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
started = subprocess.Popen(
    [sys.executable, "-c", child], start_new_session=True, stdout=subprocess.PIPE, env={{}}
)
started.stdout.readline()
Path({str(tmp_path / "pids")!r}).write_text(f"{{os.getpid()}} {{started.pid}}")
say("stage_started", stage="training")
"""


async def test_an_attempt_becomes_events_while_it_runs(tmp_path: Path) -> None:
    log, store, go = MemoryLog(), MemoryStore(), tmp_path / "go"
    command = agent(
        tmp_path,
        f"""
say("stage_started", stage="training")
say("stage_progressed", stage="training", fraction=0.5, message="half\\x1b[31m way")
wait_for({str(go)!r})
model("lightgbm")
say("stage_completed", stage="training", summary="done")
print("not a message")
(output / "report.html").write_text("<p>")
succeed("report.html")
""",
    )
    await schedule(log, "a")
    async with executing(log, settings(tmp_path), command, store) as executor:
        seen = await until(log, "a", StageProgressed)
        assert executor.running == 1
        assert not any(isinstance(event, ModelEvaluated) for event in seen)
        go.touch()
        events = await until(log, "a", AttemptSucceeded)
    assert [type(event) for event in events[2:]] == [
        AttemptStarted,
        StageStarted,
        StageProgressed,
        ModelEvaluated,
        StageCompleted,
        AttemptSucceeded,
    ]
    started, progressed, succeeded = events[2], events[4], events[-1]
    assert isinstance(started, AttemptStarted)
    assert (started.executor, started.runtime) == ("one", "process")
    assert NOTE in started.notes
    assert progressed == StageProgressed(
        job_id="a", attempt=1, number=2, stage="training", fraction=0.5, message="half way"
    )
    assert isinstance(succeeded, AttemptSucceeded)
    assert [artifact.name for artifact in succeeded.artifacts] == ["submission.csv", "report.html", LOG]
    assert store.files["a/1/submission.csv"] == b"id,y\n1,2\n"
    assert store.files[f"a/1/{LOG}"].startswith(b"std")
    assert not (tmp_path / "work" / "attempts" / "a").exists()


@pytest.mark.parametrize(
    ("body", "reason", "retryable", "words"),
    [
        (
            "print('boom', file=sys.stderr); sys.exit(3)",
            "container_crashed",
            True,
            "exit code 3 without.*boom",
        ),
        ("os.kill(os.getpid(), signal.SIGKILL)", "container_crashed", True, "SIGKILL"),
        ("pass", "container_crashed", True, "exit code 0"),
        (
            "say('failed', reason='rules_not_accepted', message='Accept them.', retryable=False)",
            "rules_not_accepted",
            False,
            "^Accept them.$",
        ),
        ("succeed(); (output / 'submission.csv').unlink()", "no_submission", True, "no submission.csv"),
        (
            "succeed(); os.symlink('/etc/hostname', 's'); os.rename('s', output / 'submission.csv')",
            "artifact_refused",
            False,
            "submission.csv",
        ),
        (
            "succeed(); (output / 'submission.csv').unlink(); os.mkfifo(output / 'submission.csv')",
            "artifact_refused",
            False,
            "not a regular file",
        ),
        ("time.sleep(60)", "time_limit", False, "limit of 1 s"),
        ("say('failed', reason='x', message='key k-e-y', retryable=True)", "x", True, r"^key \[secret\]$"),
    ],
)
async def test_every_end_has_its_reason(
    tmp_path: Path, body: str, reason: str, retryable: bool, words: str
) -> None:
    log = MemoryLog()
    await schedule(log, "a")
    given = settings(
        tmp_path,
        limit_s=1.0 if reason == "time_limit" else 60.0,
        model_variables={"ANTHROPIC_API_KEY": "k-e-y"},
    )
    async with executing(log, given, agent(tmp_path, body)):
        found = failure(await until(log, "a", AttemptFailed))
    assert (found.reason, found.retryable) == (reason, retryable)
    assert re.search(words, found.message)


async def test_what_cannot_run_fails_with_a_reason(tmp_path: Path) -> None:
    log = MemoryLog()
    await schedule(log, "a", competition="absent")
    await schedule(log, "b", competition="../../etc")
    async with executing(log, settings(tmp_path), agent(tmp_path, "succeed()")):
        for job in ("a", "b"):
            found = failure(await until(log, job, AttemptFailed))
            assert (found.reason, found.retryable) == ("competition_not_found", False)


async def test_a_cancelled_attempt_ends_with_all_its_processes(tmp_path: Path) -> None:
    log = MemoryLog()
    sequence = await schedule(log, "a")
    async with executing(log, settings(tmp_path), agent(tmp_path, forking(tmp_path) + "time.sleep(600)")):
        events = await until(log, "a", StageStarted)
        sequence += len(events) - 2
        assert len(alive(tmp_path)) == 2
        await log.append(JobCancelRequested(job_id="a"), expect=JobAt(sequence=sequence))
        found = failure(await until(log, "a", AttemptFailed, timeout_s=10))
        assert (found.reason, found.retryable) == ("cancelled", False)
        assert alive(tmp_path) == []


async def test_a_lost_attempt_falls_silent(tmp_path: Path) -> None:
    log, go = MemoryLog(), tmp_path / "go"
    body = forking(tmp_path) + f"wait_for({str(go)!r}); model('late'); succeed()"
    await schedule(log, "a")
    async with executing(log, settings(tmp_path), agent(tmp_path, body)) as executor:
        events = await until(log, "a", StageStarted)
        lost = AttemptLost(job_id="a", attempt=1, executor="one", silent_s=20)
        await log.append(lost, expect=JobAt(sequence=len(events)))
        go.touch()
        async with asyncio.timeout(10):
            while executor.running:
                await asyncio.sleep(0.01)
        assert await events_of(log, "a") == [*events, lost]
        assert alive(tmp_path) == []
        assert not (tmp_path / "work" / "attempts" / "a").exists()


async def test_a_stopped_executor_says_so(tmp_path: Path) -> None:
    log = MemoryLog()
    await schedule(log, "a")
    async with executing(log, settings(tmp_path), agent(tmp_path, forking(tmp_path) + "time.sleep(600)")):
        await until(log, "a", StageStarted)
    found = failure(await events_of(log, "a"))
    assert (found.reason, found.retryable) == ("executor_stopped", True)
    assert alive(tmp_path) == []


async def test_what_an_earlier_process_left_is_cleared_before_anything_new(tmp_path: Path) -> None:
    log, given = MemoryLog(), settings(tmp_path)
    command = agent(tmp_path, forking(tmp_path) + "time.sleep(600)")
    runtime = process_runtime(given, command)
    sequence = await schedule(log, "a")
    spec = SandboxSpec(
        job_id="a", attempt=1, variables={}, data_dir=None, cpus=1, memory_bytes=1, network=False
    )
    left = await runtime.start(spec)
    async for _ in left.lines():
        break
    started = AttemptStarted(job_id="a", attempt=1, executor="one", runtime="process", cpus=1, memory_bytes=1)
    await log.append(started, expect=JobAt(sequence=sequence))
    assert len(alive(tmp_path)) == 2
    async with executing(log, given, command):
        found = failure(await until(log, "a", AttemptFailed))
    assert (found.reason, found.retryable) == ("executor_restarted", True)
    assert alive(tmp_path) == []
    await left.wait()


async def test_an_agent_does_not_outlive_a_killed_executor(tmp_path: Path) -> None:
    repository = Path(__file__).parents[2]
    command = agent(tmp_path, forking(tmp_path) + "time.sleep(600)")
    program = f"""
import asyncio, os, signal, sys
sys.path.insert(0, {str(repository)!r})
from pathlib import Path
from services.executor.machine import this_machine
from services.executor.process import ProcessRuntime, process_facts
from services.executor.runtime import SandboxSpec
async def main():
    runtime = ProcessRuntime(
        work_dir=Path({str(tmp_path)!r}), executor="one", command={command!r},
        facts=process_facts(this_machine(), cpus=1, memory_bytes=1),
    )
    sandbox = await runtime.start(SandboxSpec(
        job_id="a", attempt=1, variables={{}}, data_dir=None, cpus=1, memory_bytes=1, network=False
    ))
    await anext(sandbox.lines())
    print("up", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert said == b"up\n"
    async with asyncio.timeout(5):
        while alive(tmp_path):
            await asyncio.sleep(0.02)


async def test_the_agent_sees_only_what_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_TEST_SECRET", "seen")
    log, store = MemoryLog(), MemoryStore()
    body = """
(output / "env.json").write_text(json.dumps(dict(os.environ)))
succeed("env.json", "../x", "no.csv")
"""
    await schedule(log, "a")
    given = settings(
        tmp_path,
        kaggle_variables={"KAGGLE_KEY": "k-e-y"},
        model_variables={"PODIUM_SEED": "7"},
        cpus=0.5,
    )
    async with executing(log, given, agent(tmp_path, body), store):
        events = await until(log, "a", AttemptSucceeded)
    assert isinstance(events[-1], AttemptSucceeded)
    assert [artifact.name for artifact in events[-1].artifacts] == ["submission.csv", "env.json"]
    environment = json.loads(store.files["a/1/env.json"])
    folder = given.work_dir / "attempts" / "a" / "1"
    assert {name: value for name, value in environment.items() if name.startswith("PODIUM_")} == {
        "PODIUM_COMPETITION": "t",
        "PODIUM_DATA_DIR": str(tmp_path / "competitions" / "t" / "public"),
        "PODIUM_OUTPUT_DIR": str(folder / "output"),
        "PODIUM_WORK_DIR": str(folder / "work"),
        "PODIUM_BUDGET_S": "1800",
        "PODIUM_CPUS": "0.5",
        "PODIUM_SEED": "7",
        "PODIUM_BWRAP": str(BWRAP),
    }
    assert environment["HOME"] == str(folder / "work")
    assert environment["OMP_NUM_THREADS"] == "1"
    assert not {"KAGGLE_KEY", "USER", "PODIUM_TEST_SECRET"} & set(environment)
    assert os.environ["PODIUM_TEST_SECRET"] == "seen"


async def test_a_process_that_does_not_end_after_its_last_word_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "LINGER_S", 0.2)
    log = MemoryLog()
    await schedule(log, "a")
    async with executing(log, settings(tmp_path), agent(tmp_path, "succeed(); time.sleep(600)")):
        assert isinstance((await until(log, "a", AttemptSucceeded))[-1], AttemptSucceeded)


async def test_slots_are_never_exceeded_and_always_used(tmp_path: Path) -> None:
    log, go = MemoryLog(), tmp_path / "go"
    jobs = [f"job-{number}" for number in range(5)]
    for job in jobs:
        await schedule(log, job)
    command = agent(tmp_path, f"say('stage_started', stage='analysis'); wait_for({str(go)!r}); succeed()")
    async with executing(log, settings(tmp_path, slots=2), command) as executor:
        for job in jobs[:2]:
            await until(log, job, StageStarted)
        await asyncio.sleep(0.3)
        assert executor.running == 2
        assert [len(await events_of(log, job)) for job in jobs[2:]] == [2, 2, 2]
        go.touch()
        for job in jobs:
            await until(log, job, AttemptSucceeded)


async def test_a_log_that_fails_costs_no_message_and_doubles_none(tmp_path: Path) -> None:
    truth = MemoryLog()
    log = FlakyLog(truth)
    await schedule(log, "a")
    log.faults = ["unheard", "lost", "unreadable", "unheard", "unreadable", "", "lost", "unheard"]
    command = agent(tmp_path, "[model(f'm{i}') for i in range(5)]; succeed()")
    async with executing(log, settings(tmp_path), command):
        events = await until(truth, "a", AttemptSucceeded)
    assert [event.model for event in events if isinstance(event, ModelEvaluated)] == [
        f"m{i}" for i in range(5)
    ]
    assert sum(isinstance(event, AttemptStarted) for event in events) == 1
    assert len(events) == 9
    assert log.faults == []
