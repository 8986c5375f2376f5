"""The same jobs through a real JetStream and a real Postgres: what they store, and how long a start takes."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import msgspec

from cli.embedded.postgres import Postgres
from events import catalogue, subjects
from events.dead_letters import DeadLetters
from events.jetstream import JetStreamLog, ensure_stream
from events.log import JobAt, LogAt
from services.projector.loop import Projector
from services.projector.table import JobTable
from tests.bench.bench_projector import HastyNatsServer
from tests.bench.bench_takeover import first_decision
from tests.bench.scale_jobs import EVENTS, job_id, records, requested

if TYPE_CHECKING:
    from nats.aio.client import Client

_TRIES = 20


class Real(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured; `start_s` is until a scheduler's first decision, `…_cpu_s` of processor time."""

    jobs: int
    nats_bytes: int
    nats_rss_bytes: int
    postgres_bytes: int
    projector_cpu_s: float
    projected_per_s: float
    append_job_ms: float
    append_log_ms: float
    start_s: float
    start_cpu_s: float
    snapshot_start_s: float
    snapshot_start_cpu_s: float


async def measure(folder: Path, *, jobs: int) -> Real:
    """Fill new servers with so many jobs and look at them."""
    folder.chmod(0o755)
    nats, postgres = HastyNatsServer(folder / "nats"), Postgres(folder / "postgres")
    nats.start()
    try:
        url = postgres.start()
        async with nats.connection() as connection:
            await _fill(connection, jobs)
            assert nats._process is not None
            rss = _rss_bytes(nats._process.pid)
            log = JetStreamLog(connection, source="bench")
            stored = (await connection.jetstream().stream_info(subjects.STREAM)).state
            cpu_s, wall_s = await _project(connection, url, EVENTS * jobs)
            rows = await _rows_bytes(url)
            job_ms, log_ms = await _append(log, jobs)
            output = folder / "scheduler.log"
            history = await first_decision(nats.url, log, output, running_max=jobs)
            snapshot = await first_decision(nats.url, log, output, running_max=jobs)
    finally:
        nats.kill()
        postgres.stop(timeout_s=10)
    return Real(
        jobs=jobs,
        nats_bytes=stored.bytes,
        nats_rss_bytes=rss,
        postgres_bytes=rows,
        projector_cpu_s=cpu_s,
        projected_per_s=EVENTS * jobs / wall_s,
        append_job_ms=job_ms,
        append_log_ms=log_ms,
        start_s=history[0],
        start_cpu_s=history[1],
        snapshot_start_s=snapshot[0],
        snapshot_start_cpu_s=snapshot[1],
    )


async def _fill(connection: Client, jobs: int) -> None:
    """Store the log without waiting for each acknowledgement."""
    js = connection.jetstream()
    await ensure_stream(js)
    log = JetStreamLog(connection, source="podium/executor-1")
    last_of_job: dict[str, int] = {}
    for record in records(jobs):
        event = record.event
        expect = JobAt(sequence=last_of_job.get(event.job_id, 0))
        headers = log._headers(event, record.event_id, expect)
        await connection.publish(subjects.of_event(event), catalogue.encode(event), headers=headers)
        last_of_job[event.job_id] = record.sequence
        if isinstance(event, catalogue.JobSucceeded):
            del last_of_job[event.job_id]
        if record.sequence % 1000 == 0:
            await connection.flush()
    while (await js.stream_info(subjects.STREAM)).state.messages < EVENTS * jobs:
        await asyncio.sleep(0.1)


async def _project(connection: Client, url: str, events: int) -> tuple[float, float]:
    """Seconds of this process's CPU, and of the clock, that a projector takes for all of it."""
    table, log = JobTable(url), JetStreamLog(connection, source="bench")
    await table.checkpoint(await log.extent())
    cpu, wall = time.process_time(), time.perf_counter()
    task = asyncio.create_task(Projector(log, table, DeadLetters(connection)).run())
    watcher = await asyncpg.connect(url)
    while await watcher.fetchval("SELECT sequence FROM projection_checkpoint") < events:
        await asyncio.sleep(0.05)
    spent = time.process_time() - cpu, time.perf_counter() - wall
    task.cancel()
    await asyncio.wait([task])
    await table.close()
    await watcher.close()
    return spent


async def _rows_bytes(url: str) -> int:
    database = await asyncpg.connect(url)
    found = await database.fetchval("SELECT pg_total_relation_size('jobs')")
    await database.close()
    return int(found)


async def _append(log: JetStreamLog, jobs: int) -> tuple[float, float]:
    """Milliseconds for a request, and for the scheduling that follows it; each the mean of some."""
    job_s = log_s = 0.0
    for number in range(jobs, jobs + _TRIES):
        name, began = job_id(number), time.perf_counter()
        last = await log.append(requested(name), expect=JobAt(sequence=0))
        asked = time.perf_counter()
        await log.append(catalogue.AttemptScheduled(job_id=name, attempt=1), expect=LogAt(sequence=last))
        job_s, log_s = job_s + asked - began, log_s + time.perf_counter() - asked
    return job_s / _TRIES * 1e3, log_s / _TRIES * 1e3


def _rss_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
