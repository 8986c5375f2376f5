"""The executor over a real broker: outages, rivals, heartbeats, and the process as it is started."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from msgspec.structs import replace

from events import subjects
from events.catalogue import AttemptFailed, AttemptStarted, AttemptSucceeded, ModelEvaluated
from events.jetstream import JetStreamLog, ensure_stream
from services.artifacts import ArtifactStore, ensure_bucket
from services.executor import heartbeat
from services.presence import Heartbeat, decode
from tests.servers import NatsServer
from tests.unit.executor.stage import agent, events_of, executing, schedule, settings, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.client import Client
    from nats.aio.msg import Msg


@pytest.fixture
async def connection(nats_server: NatsServer) -> AsyncIterator[Client]:
    async with nats_server.connection() as client:
        await ensure_stream(client.jetstream())
        await ensure_bucket(client.jetstream())
        yield client


async def test_a_killed_broker_costs_no_message_and_doubles_none(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    server.start()
    body = "say('stage_started', stage='training')\n"
    body += "for i in range(40): model(f'm{i}'); time.sleep(0.05)\n"
    body += "succeed()"
    job_id = uuid4().hex
    async with server.connection() as client:
        js = client.jetstream()
        await ensure_stream(js)
        await ensure_bucket(js)
        log = JetStreamLog(client, source="test")
        await schedule(log, job_id)
        async with executing(log, settings(tmp_path), agent(tmp_path, body), ArtifactStore(js)):
            await until(log, job_id, lambda events: len(events) >= 8)
            server.kill()
            await asyncio.sleep(1.0)
            server.start()
            async with server.connection() as fresh:
                events = await until(JetStreamLog(fresh, source="look"), job_id, AttemptSucceeded)
    server.kill()
    models = [event.model for event in events if isinstance(event, ModelEvaluated)]
    assert models == [f"m{i}" for i in range(40)]
    assert sum(isinstance(event, AttemptStarted) for event in events) == 1
    assert isinstance(events[-1], AttemptSucceeded)


async def test_racing_executors_claim_each_attempt_once(
    tmp_path: Path, nats_server: NatsServer, connection: Client
) -> None:
    log = JetStreamLog(connection, source="test")
    jobs = [uuid4().hex for _ in range(20)]
    await asyncio.gather(*(schedule(log, job) for job in jobs))
    command = agent(tmp_path, "model('m'); succeed()")
    one = settings(tmp_path, slots=3)
    async with nats_server.connection() as rival:
        store = ArtifactStore(connection.jetstream())
        rival_log = JetStreamLog(rival, source="rival")
        async with (
            executing(log, one, command, store),
            executing(rival_log, replace(one, executor="two"), command, store),
        ):
            for job in jobs:
                await until(log, job, AttemptSucceeded, timeout_s=60)
    claims = []
    for job in jobs:
        events = await events_of(log, job)
        (started,) = [event for event in events if isinstance(event, AttemptStarted)]
        claims.append(started.executor)
        assert len(events) == 5
    assert set(claims) == {"one", "two"}


async def test_an_executor_says_that_it_lives(connection: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "HEARTBEAT_S", 0.05)
    heard: asyncio.Queue[Msg] = asyncio.Queue()
    await connection.subscribe(subjects.HEARTBEATS, cb=heard.put)
    told = Heartbeat(executor="one", slots=3, running=2, left_over=1, cpus=0.5, draining=True)
    beating = asyncio.create_task(heartbeat.beat(connection, lambda: told))
    async with asyncio.timeout(10):
        messages = [await heard.get() for _ in range(3)]
    beating.cancel()
    await asyncio.wait({beating})
    assert {message.subject for message in messages} == {"podium.heartbeat.one"}
    assert decode(messages[-1].data) == told


async def test_the_process_starts_works_refuses_a_twin_and_ends_on_sigterm(
    tmp_path: Path, nats_server: NatsServer, connection: Client
) -> None:
    log, job_id = JetStreamLog(connection, source="test"), uuid4().hex
    await schedule(log, job_id, competition="absent")
    environment = {
        "PATH": os.environ["PATH"],
        "NATS_URL": nats_server.url,
        "PODIUM_RUNTIME": "process",
        "PODIUM_EXECUTOR_ID": uuid4().hex,
        "PODIUM_WORK_DIR": str(tmp_path / "work"),
        "PODIUM_COMPETITIONS_DIR": str(tmp_path),
    }

    async def start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.executor"),
            env=environment,
            cwd=Path(__file__).parents[2],
            stderr=asyncio.subprocess.PIPE,
        )

    process = await start()
    failed = (await until(log, job_id, AttemptFailed))[-1]
    assert isinstance(failed, AttemptFailed)
    assert failed.reason == "competition_not_found"
    twin = await start()
    _, said = await twin.communicate()
    assert twin.returncode == 2
    assert b"PODIUM_EXECUTOR_ID" in said
    process.terminate()
    async with asyncio.timeout(15):
        _, said = await process.communicate()
    assert process.returncode == 0
    assert b"runtime_process" in said
    assert b"no isolation" in said
