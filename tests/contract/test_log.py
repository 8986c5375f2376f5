"""One contract, two adapters: what `events.log.Log` promises, on memory and on JetStream."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from nats.aio.client import Client

from events.catalogue import AttemptScheduled, JobCancelRequested, JobRequested
from events.jetstream import JetStreamLog, ensure_stream
from events.log import ConflictError, JobAt, LogAt
from events.memory import MemoryLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from events.log import Expectation, Log
    from events.recorded import Recorded


@pytest.fixture(params=["memory", "jetstream"])
async def log(request: pytest.FixtureRequest) -> AsyncIterator[Log]:
    if request.param == "memory":
        yield MemoryLog()
        return
    nats = request.getfixturevalue("nats_server")
    async with nats.connection() as connection:
        await ensure_stream(connection.jetstream())
        yield JetStreamLog(connection, source="test")


def requested(job_id: str) -> JobRequested:
    return JobRequested(job_id=job_id, competition="t", source="local", kaggle_url="local:t")


async def take(log: Log, *, after: int, count: int) -> list[Recorded]:
    seen: list[Recorded] = []
    async with asyncio.timeout(10):
        async for batch in log.follow(after=after):
            seen += batch.records
            if len(seen) >= count and batch.caught_up:
                break
    return seen


async def test_a_job_reads_back_in_order(log: Log) -> None:
    job = uuid4().hex
    first = await log.append(requested(job), expect=JobAt(sequence=0))
    second = await log.append(JobCancelRequested(job_id=job), expect=JobAt(sequence=first))
    records = await log.read_job(job)
    assert [record.sequence for record in records] == [first, second]
    assert records[0].event == requested(job)
    assert records[1].event == JobCancelRequested(job_id=job)


async def test_an_unknown_job_is_empty(log: Log) -> None:
    assert await log.read_job(uuid4().hex) == []


async def test_a_stale_writer_of_a_job_is_refused(log: Log) -> None:
    job = uuid4().hex
    first = await log.append(requested(job), expect=JobAt(sequence=0))
    await log.append(JobCancelRequested(job_id=job), expect=JobAt(sequence=first))
    for stale in (0, first):
        with pytest.raises(ConflictError):
            await log.append(AttemptScheduled(job_id=job, attempt=1), expect=JobAt(sequence=stale))
    assert len(await log.read_job(job)) == 2


async def test_who_has_not_seen_the_whole_log_is_refused(log: Log) -> None:
    a, b = uuid4().hex, uuid4().hex
    seen = await log.append(requested(a), expect=JobAt(sequence=0))
    won = await log.append(AttemptScheduled(job_id=a, attempt=1), expect=LogAt(sequence=seen))
    with pytest.raises(ConflictError):
        await log.append(AttemptScheduled(job_id=b, attempt=1), expect=LogAt(sequence=seen))
    last = await log.append(requested(b), expect=JobAt(sequence=0))
    with pytest.raises(ConflictError):
        await log.append(AttemptScheduled(job_id=b, attempt=1), expect=LogAt(sequence=won))
    assert await log.append(AttemptScheduled(job_id=b, attempt=1), expect=LogAt(sequence=last)) == last + 1


@pytest.mark.parametrize("expect", [JobAt(sequence=7), LogAt(sequence=7)])
def test_the_broker_is_never_asked_about_all_jobs(expect: Expectation) -> None:
    """It looks through all that a wildcard in a subject's middle may mean: every job that there ever was."""
    event = AttemptScheduled(job_id="j", attempt=1)
    headers = JetStreamLog(Client(), source="test")._headers(event, "id", expect)
    assert "7" in headers.values()
    assert not [value for value in headers.values() if "*" in value]


async def test_one_of_many_racing_writers_wins(log: Log) -> None:
    job = uuid4().hex
    first = await log.append(requested(job), expect=JobAt(sequence=0))
    tries = (log.append(JobCancelRequested(job_id=job), expect=JobAt(sequence=first)) for _ in range(20))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(outcome, int) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, ConflictError) for outcome in outcomes) == 19


async def test_a_follower_sees_the_past_and_then_the_present(log: Log) -> None:
    jobs = [uuid4().hex for _ in range(30)]
    start = await log.append(requested(jobs[0]), expect=JobAt(sequence=0))
    for job in jobs[1:20]:
        await log.append(requested(job), expect=JobAt(sequence=0))
    reading = asyncio.create_task(take(log, after=start - 1, count=30))
    await asyncio.sleep(0.1)
    for job in jobs[20:]:
        await log.append(requested(job), expect=JobAt(sequence=0))
    seen = await reading
    assert [record.event.job_id for record in seen] == jobs
    assert [record.sequence for record in seen] == sorted({record.sequence for record in seen})


async def test_a_follower_of_a_quiet_log_can_look_at_the_clock(log: Log) -> None:
    ticks = 0
    async with asyncio.timeout(5):
        async for batch in log.follow(after=10**9):
            ticks += not batch.records and batch.caught_up
            if ticks == 3:
                break
    assert ticks == 3
