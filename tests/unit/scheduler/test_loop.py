"""Several schedulers on one log: places under the cap are given away once, whoever is first."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from events.catalogue import AttemptFailed, AttemptScheduled, AttemptStarted, JobCancelRequested, JobFailed
from events.live import LiveJobs, LiveState
from events.log import ConflictError, JobAt
from events.memory import MemoryLog
from services.scheduler.loop import Scheduler
from services.scheduler.roster import Roster
from services.scheduler.rules import Rules
from tests.history import requested

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from events.catalogue import Event
    from events.log import Batch, Expectation

JOBS = 12
CAP = 3


def skewed(by_s: float) -> Callable[[], datetime]:
    """A clock that is wrong by so much: schedulers then differ about which retry is due."""
    return lambda: datetime.now(UTC) + timedelta(seconds=by_s)


class LaggingLog(MemoryLog):
    """A log at the far end of a slow network: what a reader sees is a few milliseconds old."""

    async def append(self, event: Event, *, expect: Expectation) -> int:
        await asyncio.sleep(random.uniform(0, 0.003))
        return await super().append(event, expect=expect)

    async def follow(self, *, after: int) -> AsyncIterator[Batch]:
        async for batch in super().follow(after=after):
            await asyncio.sleep(random.uniform(0, 0.01))
            yield batch


async def failing_executor(log: MemoryLog) -> None:
    """Claims every attempt and fails it at once, as two racing executors would."""
    jobs = LiveJobs()
    async for batch in log.follow(after=0):
        for record in batch.records:
            jobs.observe(record)
        for job in list(jobs):
            attempt = job.current
            if attempt is None or attempt.status != "scheduled":
                continue
            claim = AttemptStarted(
                job_id=job.job_id, attempt=attempt.number, executor="x", runtime="r", cpus=1, memory_bytes=1
            )
            failure = AttemptFailed(
                job_id=job.job_id, attempt=attempt.number, reason="crash", message="no", retryable=True
            )
            with suppress(ConflictError):
                sequence = await log.append(claim, expect=JobAt(sequence=job.sequence))
                await log.append(failure, expect=JobAt(sequence=sequence))


async def test_three_schedulers_keep_one_cap_and_count_every_retry_once() -> None:
    log = LaggingLog()
    rules = Rules(running_max=CAP, retry_delays_s=(0.05, 0.05))
    clocks = [skewed(by_s) for by_s in (0, 0.3, -0.3)]
    schedulers = [Scheduler(log, rules, Roster(clock), clock=clock) for clock in clocks]
    workers = [asyncio.create_task(scheduler.run()) for scheduler in schedulers]
    workers += [asyncio.create_task(failing_executor(log)) for _ in range(2)]
    for n in range(JOBS):
        await log.append(requested(f"j{n}"), expect=JobAt(sequence=0))

    ended: dict[str, int] = {}
    attempts = 0
    jobs = LiveJobs()
    async with asyncio.timeout(20):
        async for batch in log.follow(after=0):
            for record in batch.records:
                jobs.observe(record)
                active = sum(job.current is not None and job.current.is_active for job in jobs)
                assert active <= CAP
                attempts += isinstance(record.event, AttemptScheduled)
                if isinstance(record.event, JobFailed):
                    ended[record.event.job_id] = ended.get(record.event.job_id, 0) + 1
            if len(ended) == JOBS:
                break
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert attempts == JOBS * 3
    assert set(ended.values()) == {1}


async def test_a_scheduler_shows_what_it_has_seen_and_another_goes_on_from_it() -> None:
    log = MemoryLog()
    clock = skewed(0)
    kept: list[LiveState] = []

    async def run(jobs: LiveJobs | None, until: int) -> None:
        scheduler = Scheduler(
            log,
            Rules(running_max=1),
            Roster(clock),
            clock=clock,
            jobs=jobs,
            seen=lambda jobs, _: kept.append(jobs.state),
        )
        task = asyncio.create_task(scheduler.run())
        async with asyncio.timeout(20):
            while not kept or kept[-1].sequence < until:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for name in ("a", "b"):
        await log.append(requested(name), expect=JobAt(sequence=0))
    await run(None, until=3)
    first = kept[-1]
    assert [job.job_id for job in first.jobs] == ["a", "b"]
    assert first.jobs[0].current is not None
    await log.append(JobCancelRequested(job_id="b"), expect=JobAt(sequence=2))
    await run(LiveJobs(first), until=5)
    assert [job.job_id for job in kept[-1].jobs] == ["a"]
    assert min(state.sequence for state in kept[kept.index(first) + 1 :]) >= first.sequence
