"""Snapshots of live jobs in a real object store: kept by one, and gone on from by others where they fit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from events.jetstream import JetStreamLog, ensure_stream
from events.live import LiveJobs, LiveState
from events.log import JobAt
from services.live_store import BUCKET, LiveStore, ensure_live_bucket
from tests.integration.gateway_serving import requested
from tests.schedulers import scheduled_at, scheduler
from tests.servers import NatsServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from nats.aio.client import Client

FEW = 20


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[Client]:
    nats = NatsServer(tmp_path)
    nats.start()
    try:
        async with nats.connection() as connection:
            await ensure_stream(connection.jetstream())
            yield connection
    finally:
        nats.kill()


async def live_jobs(log: JetStreamLog) -> LiveJobs:
    """Jobs of which the log of an empty server knows after a few requests."""
    for _ in range(FEW):
        await log.append(requested(), expect=JobAt(sequence=0))
    jobs = LiveJobs()
    async for batch in log.follow(after=0):
        for record in batch.records:
            jobs.observe(record)
        if batch.caught_up and jobs.sequence == FEW:
            return jobs
    raise AssertionError("a follower never ends")


async def test_what_was_kept_is_loaded_and_what_does_not_fit_is_not(connection: Client) -> None:
    log = JetStreamLog(connection, source="test")
    store = LiveStore(connection, log)
    assert await store.load() == LiveState()
    await ensure_live_bucket(connection.jetstream())
    assert await store.load() == LiveState()

    state = (await live_jobs(log)).state
    await store.keep(state)
    assert await store.load() == state

    bucket = await connection.jetstream().object_store(BUCKET)
    with capture_logs() as lines:
        # As if the log had lost its end since, and had grown past it again.
        await store.keep(replace(state, event_id="of-another-event"))
        assert await store.load() == LiveState()
        await store.keep(replace(state, sequence=FEW + 1))
        assert await store.load() == LiveState()
        await bucket.put("newest", b"no snapshot")
        assert await store.load() == LiveState()
    warnings = [line["reason"] for line in lines if line["event"] == "snapshot_ignored"]
    assert [reason.split(" ")[:5] for reason in warnings] == [
        ["the", "log", "has", "another", "event"],
        ["it", "is", "of", f"{FEW + 1},", "but"],
        ["it", "cannot", "be", "read:", "error('Error"],
    ]
    await store.keep(state)
    assert await store.load() == state
    assert (await bucket.status()).size < 50_000


async def test_a_scheduler_goes_on_from_what_another_one_kept(connection: Client, tmp_path: Path) -> None:
    log, output = JetStreamLog(connection, source="test"), tmp_path / "scheduler.log"
    await ensure_live_bucket(connection.jetstream())
    jobs = await live_jobs(log)
    await LiveStore(connection, log).keep(jobs.state)
    with scheduler(connection.connected_url.geturl(), output, running_max=FEW + 1):
        job = requested()
        sequence = await log.append(job, expect=JobAt(sequence=0))
        async with asyncio.timeout(30):
            for waiting in (*jobs, job):
                await scheduled_at(log, waiting.job_id, after=sequence)
    [loaded] = [line for line in output.read_text().splitlines() if "snapshot_" in line]
    assert '"snapshot_loaded"' in loaded
    assert f'"sequence":{FEW},' in loaded
