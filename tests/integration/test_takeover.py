"""Two real schedulers: all are active, so the death of one leaves nothing to take over."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from events import catalogue as ev
from events.jetstream import JetStreamLog, ensure_stream
from events.log import JobAt
from tests.integration.gateway_serving import requested
from tests.schedulers import scheduled_at, scheduler, wait_until_started
from tests.servers import NatsServer

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_job_submitted_as_a_scheduler_dies_is_scheduled_within_a_second(tmp_path: Path) -> None:
    nats = NatsServer(tmp_path)
    nats.start()
    outputs = [tmp_path / name for name in ("one.log", "two.log")]
    try:
        with scheduler(nats.url, outputs[0]) as one, scheduler(nats.url, outputs[1]) as two:
            async with nats.connection() as connection:
                await ensure_stream(connection.jetstream())
                for output in outputs:
                    await asyncio.to_thread(wait_until_started, output)
                log = JetStreamLog(connection, source="test")
                for dying in (one, None):
                    if dying is not None:
                        dying.kill()
                    await schedule(log)
                assert (one.poll(), two.poll()) == (-9, None)
    finally:
        nats.kill()


async def schedule(log: JetStreamLog) -> None:
    """Submit a job and see it scheduled once, within a second."""
    job = requested()
    began = time.perf_counter()
    sequence = await log.append(job, expect=JobAt(sequence=0))
    async with asyncio.timeout(20):
        at = await scheduled_at(log, job.job_id, after=sequence)
    print(f"scheduled {at - began:.3f} s after the request")
    assert at - began < 1
    await asyncio.sleep(0.5)
    decided = [record.event for record in await log.read_job(job.job_id)]
    assert decided == [job, ev.AttemptScheduled(job_id=job.job_id, attempt=1)]
