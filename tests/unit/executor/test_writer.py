"""Each event once, through lost answers, rivals and cancels, and none after the attempt is over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from events.catalogue import (
    AttemptFailed,
    AttemptLost,
    AttemptScheduled,
    AttemptStarted,
    JobCancelRequested,
    StageStarted,
)
from events.job import fold
from events.log import ConflictError, JobAt
from events.memory import MemoryLog
from services.executor.writer import AttemptWriter, FencedError
from tests.unit.executor.stage import FlakyLog, events_of, schedule

if TYPE_CHECKING:
    from events.recorded import Recorded


def started(executor: str = "one") -> AttemptStarted:
    return AttemptStarted(job_id="a", attempt=1, executor=executor, runtime="r", cpus=1, memory_bytes=1)


STAGE = StageStarted(job_id="a", attempt=1, stage="analysis")
ENDED = AttemptFailed(job_id="a", attempt=1, reason="r", message="m", retryable=True)


async def writer_on(log: FlakyLog, executor: str = "one") -> AttemptWriter:
    job = fold(await log.read_job("a"))
    assert job is not None
    return AttemptWriter(log, job=job, attempt=1, executor=executor)


@pytest.fixture
async def log() -> FlakyLog:
    log = FlakyLog(MemoryLog())
    await schedule(log, "a")
    return log


async def test_one_of_many_claims_wins(log: FlakyLog) -> None:
    names = [f"e{number}" for number in range(10)]
    writers = [await writer_on(log, name) for name in names]
    won = await asyncio.gather(
        *(writer.claim(started(name)) for writer, name in zip(writers, names, strict=True))
    )
    assert sum(won) == 1
    assert len(await events_of(log, "a")) == 3


@pytest.mark.parametrize(("fault", "won"), [("unheard", True), ("lost", False)])
async def test_a_claim_whose_answer_was_lost_is_looked_up(log: FlakyLog, fault: str, won: bool) -> None:
    log.faults = [fault]
    writer = await writer_on(log)
    assert await writer.claim(started()) is won
    assert len(await events_of(log, "a")) == 2 + won


@pytest.mark.parametrize("faults", [("unheard",), ("lost",), ("lost", "unreadable", "unheard")])
async def test_lost_answers_neither_lose_nor_double(log: FlakyLog, faults: tuple[str, ...]) -> None:
    writer = await writer_on(log)
    assert await writer.claim(started())
    log.faults = list(faults)
    assert await writer.append(STAGE)
    assert await writer.append(STAGE)
    assert (await events_of(log, "a"))[3:] == [STAGE, STAGE]


async def test_a_cancel_in_between_is_noticed_and_written_past(log: FlakyLog) -> None:
    writer = await writer_on(log)
    assert await writer.claim(started())
    await log.append(JobCancelRequested(job_id="a"), expect=JobAt(sequence=3))
    assert await writer.append(STAGE)
    assert writer.cancel_requested
    assert not await writer.append(STAGE, unless_cancelled=True)
    assert await writer.append(ENDED)
    assert (await events_of(log, "a"))[3:] == [JobCancelRequested(job_id="a"), STAGE, ENDED]


async def test_a_success_gives_way_to_a_cancel_that_it_did_not_know_of(log: FlakyLog) -> None:
    writer = await writer_on(log)
    assert await writer.claim(started())
    await log.append(JobCancelRequested(job_id="a"), expect=JobAt(sequence=3))
    assert not await writer.append(STAGE, unless_cancelled=True)
    assert len(await events_of(log, "a")) == 4


@pytest.mark.parametrize("retried", [False, True])
async def test_nothing_is_written_to_an_attempt_that_is_over(log: FlakyLog, retried: bool) -> None:
    writer = await writer_on(log)
    assert await writer.claim(started())
    await log.append(AttemptLost(job_id="a", attempt=1, executor="one", silent_s=9), expect=JobAt(sequence=3))
    if retried:
        await log.append(AttemptScheduled(job_id="a", attempt=2), expect=JobAt(sequence=4))
    before = await events_of(log, "a")
    for event in (STAGE, ENDED):
        with pytest.raises(FencedError):
            await writer.append(event)
    assert await events_of(log, "a") == before


class SlowAnswers(FlakyLog):
    """A log whose answers get lost, and whose readers wait: much can happen before they read."""

    def __init__(self, log: FlakyLog) -> None:
        super().__init__(log)
        self.before_reading: list[AttemptLost] = []

    async def read_job(self, job_id: str) -> list[Recorded]:
        while self.before_reading:
            records = await super().read_job(job_id)
            await super().append(self.before_reading.pop(0), expect=JobAt(sequence=records[-1].sequence))
        return await super().read_job(job_id)


@pytest.mark.parametrize("claims", [True, False])
async def test_an_attempt_that_was_lost_before_its_writer_could_look_is_left_alone(
    log: FlakyLog, claims: bool
) -> None:
    slow = SlowAnswers(log)
    writer = await writer_on(slow)
    if not claims:
        assert await writer.claim(started())
    slow.faults = ["unheard"]
    slow.before_reading = [AttemptLost(job_id="a", attempt=1, executor="one", silent_s=9)]
    if claims:
        assert not await writer.claim(started())
    else:
        assert await writer.append(STAGE)
    before = await events_of(log, "a")
    assert isinstance(before[-1], AttemptLost)
    with pytest.raises(FencedError):
        await writer.append(ENDED)
    assert await events_of(log, "a") == before


class OldReads(FlakyLog):
    """A log whose next reads are served by a replica that lags: it shows so many events of the job."""

    def __init__(self, log: FlakyLog, *shown: int) -> None:
        super().__init__(log)
        self._shown = list(shown)

    async def read_job(self, job_id: str) -> list[Recorded]:
        records = await super().read_job(job_id)
        return records[: self._shown.pop(0)] if self._shown else records


async def test_an_old_read_fences_nobody_and_repeats_nothing(log: FlakyLog) -> None:
    writer = await writer_on(log)
    assert await writer.claim(started())
    assert await writer.append(STAGE)
    await log.append(JobCancelRequested(job_id="a"), expect=JobAt(sequence=4))
    writer._events = OldReads(log, 2, 3, 4)
    assert await writer.append(STAGE)
    assert (await events_of(log, "a"))[3:] == [STAGE, JobCancelRequested(job_id="a"), STAGE]


async def test_nothing_is_written_to_an_attempt_of_somebody_else(log: FlakyLog) -> None:
    mine, theirs = await writer_on(log, "one"), await writer_on(log, "two")
    assert await theirs.claim(started("two"))
    assert not await mine.claim(started("one"))
    with pytest.raises(FencedError):
        await mine.append(ENDED)
    with pytest.raises(ConflictError):
        await log.append(ENDED, expect=JobAt(sequence=2))
