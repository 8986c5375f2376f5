"""An executor that is told to end takes nothing more, says so, and ends no attempt in silence."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from events import subjects
from events.catalogue import AttemptFailed, AttemptScheduled, AttemptSucceeded, StageStarted
from events.jetstream import JetStreamLog, ensure_stream
from events.memory import MemoryLog
from services.artifacts import ensure_bucket
from services.executor.loop import Executor
from services.presence import decode
from tests.unit.executor.stage import (
    MemoryStore,
    agent,
    events_of,
    process_runtime,
    schedule,
    settings,
    until,
)

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from services.presence import Heartbeat
    from tests.servers import NatsServer

BODY = """
say("stage_started", stage="training")
wait_for(f"{FOLDER}/{output.parts[-3]}")
succeed()
"""


async def test_sigterm_ends_an_executor_in_its_own_time_and_a_second_one_at_once(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    ends, endless, late = (uuid4().hex for _ in range(3))
    command = agent(tmp_path, f"FOLDER = {str(tmp_path)!r}\n{BODY}")
    environment = {
        "PATH": os.environ["PATH"],
        "NATS_URL": nats_server.url,
        "PODIUM_EXECUTOR_ID": f"drains-{uuid4().hex[:8]}",
        "PODIUM_SLOTS": "5",
        "PODIUM_DRAIN_S": "600",
        "PODIUM_WORK_DIR": str(tmp_path / "work"),
        "PODIUM_COMPETITIONS_DIR": str(tmp_path / "competitions"),
        "PODIUM_CHAOS_AGENT": json.dumps(command),
    }
    (tmp_path / "competitions" / "t" / "public").mkdir(parents=True)
    heard: list[Heartbeat] = []

    async def hear(message: Msg) -> None:
        heard.append(decode(message.data))

    async with nats_server.connection() as client:
        await ensure_stream(client.jetstream())
        await ensure_bucket(client.jetstream())
        await client.subscribe(subjects.heartbeat_of(environment["PODIUM_EXECUTOR_ID"]), cb=hear)
        log = JetStreamLog(client, source="test")
        for job in (ends, endless):
            await schedule(log, job)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.executor"),
            env=environment,
            cwd=Path(__file__).parents[2],
            stderr=asyncio.subprocess.PIPE,
        )
        for job in (ends, endless):
            await until(log, job, StageStarted)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            while not (heard and heard[-1].draining):
                await asyncio.sleep(0.05)
        await schedule(log, late)
        (tmp_path / ends).touch()
        assert isinstance((await until(log, ends, AttemptSucceeded))[-1], AttemptSucceeded)
        assert process.returncode is None
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            _, said = await process.communicate()
        failed = (await events_of(log, endless))[-1]
        untaken = await events_of(log, late)
        async with asyncio.timeout(30):
            while not heard[-1].leaving:
                await asyncio.sleep(0.05)
    assert isinstance(failed, AttemptFailed)
    assert (failed.reason, failed.retryable) == ("executor_stopped", True)
    assert isinstance(untaken[-1], AttemptScheduled)
    assert process.returncode == 0
    draining = next(beat for beat in heard if beat.draining)
    assert (heard[0].draining, heard[0].free, draining.free, heard[-1].running) == (False, 5, 0, 0)
    assert b'"event":"draining"' in said


async def test_what_cannot_outlive_its_executor_is_stopped_after_a_while_and_says_so(tmp_path: Path) -> None:
    log, given = MemoryLog(), settings(tmp_path, drain_s=0.2)
    command = agent(tmp_path, "say('stage_started', stage='training'); time.sleep(600)")
    executor = Executor(log, process_runtime(given, command), MemoryStore(), given)
    await schedule(log, "a")
    running = asyncio.create_task(executor.run())
    await until(log, "a", StageStarted)
    executor.drain()
    async with asyncio.timeout(20):
        await running
    failed = (await events_of(log, "a"))[-1]
    assert isinstance(failed, AttemptFailed)
    assert (failed.reason, failed.retryable) == ("executor_stopped", True)
    assert not list((tmp_path / "work" / "attempts").iterdir())
