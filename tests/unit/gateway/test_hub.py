"""The fan-out of the log, and the stream of one reader on top of it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from events import catalogue as ev
from events.log import JobAt, UnavailableError
from events.memory import MemoryLog
from services.gateway import sse
from services.gateway.hub import Hub
from tests.history import recorded, requested
from tests.unit.gateway.histories import JOB, started, succeeded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from events.recorded import Recorded


@asynccontextmanager
async def following(log: MemoryLog, *, room: int = 256) -> AsyncIterator[Hub]:
    async def start() -> int:
        return 0

    hub = Hub(log, last_sequence=start, room=room)
    task = asyncio.create_task(hub.run())
    await asyncio.sleep(0)
    yield hub
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def append(log: MemoryLog, *events: ev.Event) -> None:
    for event in events:
        records = await log.read_job(event.job_id)
        await log.append(event, expect=JobAt(sequence=records[-1].sequence if records else 0))


def ids(chunks: list[bytes]) -> list[int]:
    lines = b"".join(chunks).splitlines()
    return [int(line.removeprefix(b"id: ")) for line in lines if line.startswith(b"id: ")]


async def test_a_reader_gets_its_own_job_and_no_other() -> None:
    log = MemoryLog()
    async with following(log) as hub:
        live = hub.subscribe(JOB)
        await append(log, requested("other"), requested(JOB), ev.JobCancelRequested(job_id="other"))
        taken = await live.take(wait_s=2)
        assert taken == (await log.read_job(JOB))[0]
        assert await live.take(wait_s=0.3) is None


async def test_nobody_is_let_in_before_the_log_is_followed_or_after_the_end() -> None:
    log = MemoryLog()
    with pytest.raises(UnavailableError):
        Hub(log, last_sequence=lambda: asyncio.sleep(0, 0)).subscribe(JOB)
    async with following(log) as hub:
        hub.close()
        with pytest.raises(UnavailableError):
            hub.subscribe(JOB)


async def test_a_released_reader_leaves_nothing_behind() -> None:
    async with following(MemoryLog()) as hub:
        first, second = hub.subscribe(JOB), hub.subscribe(JOB)
        assert hub.readers == 2
        hub.release(first)
        hub.release(first)
        assert hub.readers == 1
        hub.release(second)
        assert (hub.readers, hub._watched) == (0, {})


async def test_a_slow_reader_gets_what_fitted_and_then_the_end() -> None:
    log = MemoryLog()
    async with following(log, room=3) as hub:
        slow, quick = hub.subscribe(JOB), hub.subscribe("other")
        await append(log, requested(JOB), *started(1), requested("other"))
        assert await quick.take(wait_s=2) is not None
        taken = [await slow.take(wait_s=0) for _ in range(4)]
        assert [getattr(one, "sequence", one) for one in taken] == [1, 2, 3, "cut_off"]
        assert await slow.take(wait_s=0) == "cut_off"


async def test_the_seam_between_past_and_present_has_no_gap_and_no_repeat() -> None:
    log = MemoryLog()
    await append(log, requested(JOB), *started(1))
    async with following(log) as hub:
        live = hub.subscribe(JOB)
        await append(log, ev.JobCancelRequested(job_id=JOB))  # both live and in the history read next
        history = await log.read_job(JOB)
        await append(log, ev.JobCancelled(job_id=JOB))
        chunks = [chunk async for chunk in sse.frames(history, live, after=2)]
    assert ids(chunks) == [3, 4, 5, 6, 7]
    assert chunks[0] == sse.RETRY


async def test_a_quiet_stream_is_kept_alive_and_told_of_the_end() -> None:
    log = MemoryLog()
    await append(log, requested(JOB))
    async with following(log) as hub:
        stream = sse.frames(await log.read_job(JOB), hub.subscribe(JOB), after=0, ping_s=0.02)
        chunks = [await anext(stream) for _ in range(3)]
        hub.close()
        rest = [chunk async for chunk in stream]
    assert chunks[2] == sse.PING
    assert b"id:" not in sse.PING
    assert rest[-1] == sse.CLOSING


async def test_a_reader_that_was_cut_off_is_told_so() -> None:
    log = MemoryLog()
    async with following(log, room=1) as hub:
        live = hub.subscribe(JOB)
        await append(log, requested(JOB), *started(1))
        await asyncio.sleep(0.05)
        chunks = [chunk async for chunk in sse.frames([], live, after=0)]
    assert ids(chunks) == [1]
    assert chunks[-1] == sse.CUT_OFF


def test_a_frame_is_one_event_with_its_place_and_time() -> None:
    record: Recorded = recorded([ev.JobFailed(job_id=JOB, reason="r", message="two\nlines")], first=7)[0]
    assert sse.frame(record) == (
        b"id: 7\nevent: JobFailed\n"
        b'data: {"sequence":7,"time":"2026-01-01T12:00:07Z","type":"JobFailed",'
        b'"job_id":"' + JOB.encode() + b'","version":1,"reason":"r","message":"two\\nlines"}\n\n'
    )


def test_history_is_shown_up_to_the_event_that_ended_the_job() -> None:
    late = ev.AttemptFailed(job_id=JOB, attempt=2, reason="late", message="", retryable=True)
    records = recorded([requested(JOB), *succeeded(), late])
    assert sse.up_to_last(records) == tuple(records[:-1])
    assert sse.up_to_last(records[:4]) == tuple(records[:4])
