"""The log on a real nats-server: outages, lost acknowledgements, and messages that are no events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from nats.js.errors import APIError
from structlog.testing import capture_logs

from events import catalogue, jetstream, subjects
from events.catalogue import AttemptScheduled, JobCancelRequested, JobRequested
from events.feed import read_all
from events.jetstream import JetStreamLog, ensure_stream
from events.live import LiveJobs
from events.log import ConflictError, JobAt, LogAt, UnavailableError
from events.recorded import Unreadable
from services.gateway.cancel import request_cancel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from events.recorded import Recorded
    from tests.servers import NatsServer


@pytest.fixture
async def connection(server: NatsServer) -> AsyncIterator[Client]:
    async with server.connection() as connection:
        await ensure_stream(connection.jetstream())
        yield connection


@pytest.fixture
def log(connection: Client) -> JetStreamLog:
    return JetStreamLog(connection, source="test")


def requested() -> JobRequested:
    return JobRequested(job_id=uuid4().hex, competition="t", source="local", kaggle_url="local:t")


async def append_many(log: JetStreamLog, count: int) -> list[str]:
    wanted = [requested() for _ in range(count)]
    for event in wanted:
        await log.append(event, expect=JobAt(sequence=0))
    return [event.job_id for event in wanted]


async def take(log: JetStreamLog, count: int, seen: list[Recorded]) -> None:
    async for batch in log.follow(after=seen[-1].sequence if seen else 0):
        seen += batch.records
        if len(seen) >= count:
            return


async def restarted(server: NatsServer, log: JetStreamLog) -> JobRequested:
    """Kill the server, append one event until it is stored, and start the server again in the meantime."""
    server.kill()
    event = requested()
    with pytest.raises(UnavailableError):
        await log.append(event, expect=JobAt(sequence=0))
    server.start()
    while True:
        try:
            await log.append(event, expect=JobAt(sequence=0))
        except UnavailableError:
            await asyncio.sleep(0.05)
        except ConflictError:  # a try that got no answer has stored it
            return event
        else:
            return event


async def test_a_follower_goes_on_over_a_killed_server_without_gap_or_repeat(server, log) -> None:
    seen: list[Recorded] = []
    following = asyncio.create_task(take(log, 201, seen))
    before = await append_many(log, 100)
    again = await restarted(server, log)
    after = await append_many(log, 100)
    async with asyncio.timeout(20):
        await following
    assert [record.event.job_id for record in seen] == [*before, again.job_id, *after]
    assert [record.sequence for record in seen] == list(range(1, 202))


async def test_what_was_acknowledged_survives_a_kill_and_still_fences(server, log) -> None:
    event = requested()
    sequence = await log.append(event, expect=JobAt(sequence=0))
    server.kill()
    server.start()
    cancel = JobCancelRequested(job_id=event.job_id)
    async with server.connection() as fresh:
        log = JetStreamLog(fresh, source="test")
        assert [record.event for record in await log.read_job(event.job_id)] == [event]
        with pytest.raises(ConflictError):
            await log.append(cancel, expect=JobAt(sequence=0))
        assert await log.append(cancel, expect=JobAt(sequence=sequence)) == sequence + 1


async def test_no_single_event_can_be_taken_out_of_the_log(connection, log) -> None:
    await append_many(log, 1)
    js = connection.jetstream()
    with pytest.raises(APIError, match="delete"):
        await js.delete_msg(subjects.STREAM, 1)
    assert (await js.stream_info(subjects.STREAM)).state.messages == 1


@pytest.mark.parametrize(
    ("payload", "changed"),
    [
        (b"not json", {}),
        (b'{"type":"JobExploded","job_id":"j"}', {}),
        (None, {"ce-time": "2026-01-01T00:00:00"}),
        (None, {"ce-time": "9999-12-31T23:59:59-10:00"}),
        (None, {"ce-id": None}),
        (catalogue.encode(JobCancelRequested(job_id="another")), {}),
        (b'{"type":"JobRequested","version":2}', {}),
    ],
    ids=[
        "no JSON",
        "unknown type",
        "a time of no zone",
        "a time past all times",
        "no id",
        "another job",
        "newer",
    ],
)
async def test_a_message_that_is_no_event_keeps_its_place_and_is_reported_once(
    connection, log, payload, changed
) -> None:
    (before,) = await append_many(log, 1)
    event = requested()
    headers = log._headers(event, "x", JobAt(sequence=0)) | changed
    headers = {name: value for name, value in headers.items() if value is not None}
    data = payload or catalogue.encode(event)
    await connection.jetstream().publish(subjects.of_event(event), data, headers=headers)
    (after,) = await append_many(log, 1)
    seen: list[Recorded] = []
    with capture_logs() as lines:
        async with asyncio.timeout(5):
            await take(log, 3, seen)
        assert [record.event for record in await log.read_job(event.job_id)] == [seen[1].event]
    places = [(record.sequence, record.event.job_id) for record in seen]
    assert places == [(1, before), (2, event.job_id), (3, after)]
    assert [isinstance(record.event, Unreadable) for record in seen] == [False, True, False]
    reports = [line for line in lines if line["event"] == "event_unreadable"]
    assert [(line["log_level"], line["sequence"]) for line in reports] == [("error", 2)]


async def poison(connection: Client, job_id: str, event_type: str) -> int:
    """Store what no event can be made of, as the newest of a job and a type."""
    return (await connection.jetstream().publish(f"jobs.{job_id}.{event_type}", b"poison")).seq


async def test_a_job_whose_newest_message_cannot_be_read_can_still_be_written_to(connection, log) -> None:
    (job_id,) = await append_many(log, 1)
    await poison(connection, job_id, "JobExploded")
    job = await request_cancel(log, job_id)
    assert (job.cancel_requested, job.sequence) == (True, 3)


async def test_schedulings_go_on_after_one_that_cannot_be_read(connection, log) -> None:
    (job_id,) = await append_many(log, 1)
    await poison(connection, job_id, "AttemptScheduled")
    live, seen = LiveJobs(), []
    await take(log, 2, seen)
    for record in seen:
        live.observe(record)
    scheduled = AttemptScheduled(job_id=job_id, attempt=1)
    assert await log.append(scheduled, expect=LogAt(sequence=live.sequence)) == 3


class DeafClient:
    """A connection whose first acknowledgement is lost after the server has stored the event."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self.lost = 0

    async def request(self, *args: object, **options: object) -> object:
        ack = await self._connection.request(*args, **options)
        if not self.lost:
            self.lost += 1
            raise TimeoutError
        return ack

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)


async def test_an_event_whose_acknowledgement_was_lost_is_stored_once(connection, log) -> None:
    log._connection = deaf = DeafClient(connection)
    event = requested()
    sequence = await log.append(event, expect=JobAt(sequence=0))
    assert deaf.lost == 1
    assert [record.sequence for record in await log.read_job(event.job_id)] == [sequence]


async def test_the_same_id_with_its_first_expectation_is_refused_by_the_server(connection, log) -> None:
    event = requested()
    headers = log._headers(event, "the-same", JobAt(sequence=0))
    js = connection.jetstream()
    await js.publish(subjects.of_event(event), catalogue.encode(event), headers=dict(headers))
    with pytest.raises(APIError) as refused:
        await js.publish(subjects.of_event(event), catalogue.encode(event), headers=dict(headers))
    assert refused.value.err_code == 10071
    assert len(await log.read_job(event.job_id)) == 1


class LossyClient:
    """A connection by which the first message with `lost` in it does not come."""

    def __init__(self, connection: Client, lost: bytes) -> None:
        self._connection = connection
        self._lost: bytes | None = lost

    async def subscribe(self, subject: str, cb: Callable[[Msg], Awaitable[None]], **options: Any) -> object:
        async def pass_on(message: Msg) -> None:
            if self._lost is not None and self._lost in message.data:
                self._lost = None
                return
            await cb(message)

        return await self._connection.subscribe(subject, cb=pass_on, **options)

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)


async def test_a_follower_misses_the_last_message_of_a_quiet_log_and_gets_it_all_the_same(
    connection, log
) -> None:
    jobs = await append_many(log, 3)
    log._connection = LossyClient(connection, lost=jobs[-1].encode())
    seen: list[Recorded] = []
    async with asyncio.timeout(20):
        await take(log, 3, seen)
    assert [record.event.job_id for record in seen] == jobs


async def test_a_follower_that_lost_its_cancellation_ends_all_the_same(log: JetStreamLog) -> None:
    begun = asyncio.Event()

    async def follow() -> None:
        async for _ in log.follow(after=0):
            begun.set()
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                continue  # as a client's `wait_for` does now and then

    following = asyncio.create_task(follow())
    await begun.wait()
    following.cancel()
    done, _ = await asyncio.wait({following}, timeout=10)
    following.cancel()
    assert done
    assert following.cancelled()


async def test_a_reading_from_before_a_job_is_not_believed(
    log: JetStreamLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = requested()
    await log.append(job, expect=JobAt(sequence=0))
    readings = 0

    async def lagging(connection: Client, *, subject: str) -> list[Recorded]:
        nonlocal readings
        readings += 1
        return [] if readings <= lag else await read_all(connection, subject=subject)

    monkeypatch.setattr(jetstream, "read_all", lagging)
    monkeypatch.setattr(jetstream, "_STALE_PAUSE_S", 0.0)
    lag = 2
    assert [record.event for record in await log.read_job(job.job_id)] == [job]
    readings, lag = 0, 1_000
    with pytest.raises(UnavailableError, match="before its first event"):
        await log.read_job(job.job_id)
    readings = 0
    assert (await log.read_job("nobody"), readings) == ([], 1)
