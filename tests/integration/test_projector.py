"""The projector on a real Postgres: the same rows whatever happens on the way."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from msgspec.structs import replace

from events.catalogue import JobRequested
from events.jetstream import JetStreamLog, ensure_stream
from events.job import fold
from events.log import Extent, JobAt
from events.memory import MemoryLog
from events.recorded import Unreadable
from services.projector.folding import Folding
from services.projector.loop import Projector
from services.projector.position import LogReplacedError
from services.projector.rows import decode
from services.projector.table import JobTable, RewoundError
from tests.bench.jobs import histories as realistic
from tests.history import recorded, requested
from tests.unit.events.strategies import JOB_ID, histories, without_nul
from tests.unit.projector.test_loop import Aside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from events.log import Log

EVENTS = 1500
EXTENT = Extent(identity="a log", last=10**6)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def table(database_url: str) -> AsyncIterator[JobTable]:
    table = JobTable(database_url)
    await table.checkpoint(EXTENT)
    yield table
    await table.close()


@pytest.fixture
async def log() -> MemoryLog:
    log = MemoryLog()
    await append(log, EVENTS)
    return log


async def append(log: Log, count: int, seed: int = 1) -> None:
    last: dict[str, int] = {}
    for event in realistic(events=count, seed=seed):
        last[event.job_id] = await log.append(event, expect=JobAt(sequence=last.get(event.job_id, 0)))


@asynccontextmanager
async def projecting(log: Log, url: str) -> AsyncIterator[None]:
    table = JobTable(url)
    running = asyncio.create_task(Projector(log, table, Aside()).run())
    try:
        yield
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait([running])
        await table.close()


async def until_at(database: asyncpg.Connection, sequence: int) -> None:
    async with asyncio.timeout(20):
        while await checkpoint(database) < sequence:
            await asyncio.sleep(0.02)


async def checkpoint(database: asyncpg.Connection) -> int:
    if await database.fetchval("SELECT to_regclass('projection_checkpoint')") is None:
        return 0
    return await database.fetchval("SELECT coalesce(max(sequence), 0) FROM projection_checkpoint")


async def dump(database: asyncpg.Connection) -> bytes:
    out = io.BytesIO()
    await database.copy_from_query("SELECT * FROM jobs ORDER BY job_id", output=out)
    return out.getvalue()


async def project(log: Log, url: str, database: asyncpg.Connection) -> bytes:
    async with projecting(log, url):
        await until_at(database, EVENTS)
    return await dump(database)


async def test_every_row_is_its_jobs_fold(log, database_url, database) -> None:
    await project(log, database_url, database)
    rows = await database.fetch("SELECT * FROM jobs")
    assert len(rows) > 40
    for row in rows:
        job = fold(await log.read_job(str(row["job_id"])))
        assert decode(row["metadata"]) == job
        assert (row["status"], row["created_at"], row["sequence"]) == (
            job.status,
            job.created_at,
            job.sequence,
        )


async def test_a_rebuild_comes_to_the_same_bytes(log, database_url, database) -> None:
    first = await project(log, database_url, database)
    await database.execute("TRUNCATE jobs, projection_checkpoint")
    assert await project(log, database_url, database) == first


async def test_every_event_again_changes_no_byte(log, database_url, database) -> None:
    first = await project(log, database_url, database)
    await database.execute("UPDATE projection_checkpoint SET sequence = 0")
    assert await project(log, database_url, database) == first


async def test_batches_of_any_size_come_to_the_same_bytes(log, database_url, database, table) -> None:
    await database.execute("TRUNCATE projection_checkpoint")
    first = await project(log, database_url, database)
    await database.execute("TRUNCATE jobs, projection_checkpoint")
    at = await table.checkpoint(await log.extent())
    for size in (1, 2, 3, 700, 50, EVENTS):
        at = await table.fold_in(log._records[at : at + size], after=at)
    assert (at, await dump(database)) == (EVENTS, first)


async def test_two_projectors_share_a_table(database_url, database) -> None:
    log = MemoryLog()
    async with projecting(log, database_url), projecting(log, database_url):
        await append(log, EVENTS)
        await until_at(database, EVENTS)
    shared = await dump(database)
    await database.execute("TRUNCATE jobs, projection_checkpoint")
    assert await project(log, database_url, database) == shared


async def test_an_outage_of_postgres_loses_nothing(postgres_url, database_url, database) -> None:
    log, name = MemoryLog(), urlsplit(database_url).path[1:]
    admin = await asyncpg.connect(postgres_url)
    async with projecting(log, database_url):
        await append(log, 500)
        await until_at(database, 500)
        await database.close()
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        await append(log, 500, seed=2)
        await asyncio.sleep(0.5)
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        back = await asyncpg.connect(database_url)
        await until_at(back, 1000)
    await admin.close()
    held = {row["job_id"]: decode(row["metadata"]) for row in await back.fetch("SELECT * FROM jobs")}
    await back.close()
    folded = {UUID(record.event.job_id) for record in log._records}
    assert held == {key: fold(await log.read_job(str(key))) for key in folded}


async def test_a_checkpoint_behind_what_was_read_is_no_place_to_go_on_from(database, table) -> None:
    records = recorded([requested(str(UUID(int=number))) for number in range(4)])
    assert await table.fold_in(records[:2], after=0) == 2
    await database.execute("UPDATE projection_checkpoint SET sequence = 1")
    with pytest.raises(RewoundError):
        await table.fold_in(records[2:], after=2)
    assert await table.checkpoint(EXTENT) == 1
    assert await database.fetchval("SELECT count(*) FROM jobs") == 2


async def test_what_another_projector_folded_in_is_left_out(database, table) -> None:
    records = recorded([requested(str(UUID(int=number))) for number in range(4)])
    assert await table.fold_in(records[:3], after=0) == 3
    assert await table.fold_in(records[:2], after=0) == 3
    assert await checkpoint(database) == 3
    assert await table.fold_in(records, after=2) == 4


async def test_a_projector_waits_for_another_that_is_at_it(database, table) -> None:
    async with database.transaction():
        await database.execute("SELECT * FROM projection_checkpoint FOR UPDATE")
        folding = asyncio.create_task(table.fold_in(recorded([requested(JOB_ID)]), after=0))
        await asyncio.sleep(0.2)
        assert await database.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1
        await database.execute("UPDATE projection_checkpoint SET sequence = 1")
    assert await folding == 1
    assert await database.fetchval("SELECT count(*) FROM jobs") == 0


async def test_an_event_whose_row_cannot_be_stored_is_set_aside_and_stops_nobody(database, table) -> None:
    aside = Aside(failures=2)
    requests = [requested(str(UUID(int=number))) for number in range(100)]
    requests[70] = replace(requests[70], competition="\ud800")
    records = recorded(requests)
    assert await Folding(table, aside).fold(records, after=0) == 100
    assert [sequence for sequence, _ in aside.letters] == [71]
    assert await database.fetchval("SELECT count(*) FROM jobs") == 99
    assert await checkpoint(database) == 100


async def test_a_job_that_can_have_no_row_is_set_aside_and_stops_nobody(database, table) -> None:
    aside = Aside()
    assert await Folding(table, aside).fold(recorded([requested("no-uuid"), requested(JOB_ID)]), after=0) == 2
    assert await database.fetchval("SELECT array_agg(job_id) FROM jobs") == [UUID(JOB_ID)]
    assert aside.letters == [(1, "the id of its job is no UUID: 'no-uuid'")]


async def test_what_cannot_be_read_moves_the_job_and_the_checkpoint(database, table) -> None:
    nothing = Unreadable(job_id=JOB_ID, event_type="JobExploded", reason="no such type")
    records = recorded([requested(JOB_ID), nothing])
    aside = Aside()
    assert await Folding(table, aside).fold(records, after=0) == 2
    assert aside.letters == [(2, "no such type")]
    assert await database.fetchval("SELECT sequence FROM jobs") == 2
    assert await checkpoint(database) == 2


async def test_rows_of_another_log_are_left_alone(database, table) -> None:
    await table.fold_in(recorded([requested(JOB_ID)]), after=0)
    with pytest.raises(LogReplacedError):
        await table.checkpoint(Extent(identity="another", last=10))
    await database.execute("UPDATE projection_checkpoint SET log = 'another'")
    with pytest.raises(RewoundError):
        await table.fold_in(recorded([requested(JOB_ID)]), after=1)


async def test_a_checkpoint_from_before_logs_had_names_takes_the_name_of_the_log(database, table) -> None:
    await database.execute("UPDATE projection_checkpoint SET log = NULL")
    await table.checkpoint(EXTENT)
    assert await database.fetchval("SELECT log FROM projection_checkpoint") == EXTENT.identity


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(history=recorded([replace(requested(JOB_ID), competition="a\x00\\u0000")]))
@given(history=histories())
async def test_any_job_lies_in_postgres_as_it_was(database, table, history) -> None:
    await database.execute("TRUNCATE jobs; UPDATE projection_checkpoint SET sequence = 0")
    await table.fold_in(history, after=0)
    (row,) = await database.fetch("SELECT * FROM jobs")
    assert decode(row["metadata"]) == without_nul(fold(history))
    assert row["sequence"] == history[-1].sequence


@asynccontextmanager
async def process(nats_url: str, database_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "NATS_URL": nats_url, "DATABASE_URL": database_url}
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.projector", env=environment, stderr=asyncio.subprocess.PIPE
    )
    yield running
    if running.returncode is None:
        running.kill()
    await running.wait()


async def test_the_process_projects_until_it_is_told_to_stop(nats_server, database_url, database) -> None:
    job_id = str(UUID(int=int.from_bytes(os.urandom(16))))
    async with nats_server.connection() as connection:
        await ensure_stream(connection.jetstream())
        sequence = await JetStreamLog(connection, source="test").append(
            JobRequested(job_id=job_id, competition="c", source="local", kaggle_url="local:c"),
            expect=JobAt(sequence=0),
        )
    async with process(nats_server.url, database_url) as running:
        await until_at(database, sequence)
        running.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.wait(), 5) == 0
    assert await database.fetchval("SELECT status FROM jobs WHERE job_id = $1", UUID(job_id)) == "queued"


async def test_the_process_waits_for_a_postgres_that_is_not_there(nats_server, tmp_path) -> None:
    url = f"postgresql://someone:hunter2@/nowhere?host={tmp_path}"
    async with process(nats_server.url, url) as running:
        lines = b""
        async with asyncio.timeout(20):
            while lines.count(b"postgres_unavailable") < 3:
                lines += await running.stderr.readline()
        assert running.returncode is None
        running.send_signal(signal.SIGTERM)
        lines += await running.stderr.read()
        assert await running.wait() == 0
    assert b"hunter2" not in lines
