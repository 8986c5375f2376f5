"""Asking for a job's end, also while others write about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from events import catalogue as ev
from events.log import JobAt, UnavailableError
from events.memory import MemoryLog
from services.gateway.cancel import request_cancel
from services.gateway.problems import Problem
from tests.history import requested
from tests.unit.gateway.histories import JOB, succeeded

if TYPE_CHECKING:
    from events.log import Expectation


class BusyLog(MemoryLog):
    """Somebody else writes just before each of the next `intruders` appends."""

    intruders = 0

    async def append(self, event: ev.Event, *, expect: Expectation) -> int:
        if self.intruders:
            self.intruders -= 1
            await write(self, ev.AttemptScheduled(job_id=JOB, attempt=1))
        return await super().append(event, expect=expect)


async def write(log: MemoryLog, *events: ev.Event) -> None:
    for event in events:
        records = await log.read_job(event.job_id)
        await MemoryLog.append(log, event, expect=JobAt(sequence=records[-1].sequence if records else 0))


async def requests_in(log: MemoryLog) -> int:
    return sum(isinstance(record.event, ev.JobCancelRequested) for record in await log.read_job(JOB))


async def test_asking_twice_writes_once() -> None:
    log = MemoryLog()
    await write(log, requested(JOB))
    first = await request_cancel(log, JOB)
    assert (first.cancel_requested, first.sequence) == (True, 2)
    assert await request_cancel(log, JOB) == first
    assert await requests_in(log) == 1


async def test_a_race_lost_is_run_again() -> None:
    log = BusyLog()
    await write(log, requested(JOB))
    log.intruders = 3
    assert (await request_cancel(log, JOB)).sequence == 5
    assert await requests_in(log) == 1


async def test_a_race_lost_for_ever_is_given_up() -> None:
    log = BusyLog()
    await write(log, requested(JOB))
    log.intruders = 1000
    with pytest.raises(UnavailableError):
        await request_cancel(log, JOB)
    assert await requests_in(log) == 0


async def test_a_job_that_has_ended_stays_as_it_is() -> None:
    log = MemoryLog()
    await write(log, requested(JOB), *succeeded())
    with pytest.raises(Problem, match="ended already: success") as raised:
        await request_cancel(log, JOB)
    assert raised.value.status_code == 409
    assert await requests_in(log) == 0


async def test_an_unknown_job_cannot_be_cancelled() -> None:
    with pytest.raises(Problem) as raised:
        await request_cancel(MemoryLog(), JOB)
    assert raised.value.status_code == 404
