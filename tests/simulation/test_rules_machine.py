"""The scheduler's rules under Hypothesis: any order of requests, readings, decisions, claims and ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, get_args

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from events.catalogue import (
    AttemptFailed,
    AttemptScheduled,
    AttemptStarted,
    AttemptSucceeded,
    JobCancelRequested,
    Priority,
)
from events.job import fold
from events.live import LiveJobs
from events.log import ConflictError, JobAt, LogAt
from events.memory import MemoryLog
from services.scheduler.rules import Rules, Sightings, decide
from tests.history import START, requested

if TYPE_CHECKING:
    from events.catalogue import Event
    from events.job import Job
    from events.log import Expectation
    from events.recorded import Recorded

RULES = Rules(running_max=1, retry_delays_s=(60.0, 120.0), lease_s=15.0)
READERS = st.integers(0, 1)
JOBS = st.integers(0, 1)


class SchedulersMachine(RuleBasedStateMachine):
    """Two schedulers and an executor, each of which has read the log up to some point of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.log = MemoryLog(clock=lambda: self.now)
        self.records: list[Recorded] = []
        self.views = [LiveJobs() for _ in range(2)]
        self.heard = START

    def append(self, event: Event, expect: Expectation) -> None:
        """Write as one of several writers does: what is refused is decided anew, later."""
        with suppress(ConflictError):
            asyncio.run(self.log.append(event, expect=expect))
            self.records = [record for n in range(2) for record in asyncio.run(self.log.read_job(f"j{n}"))]
            self.records.sort(key=lambda record: record.sequence)

    def newest(self, n: int) -> Job | None:
        """A job as the log has it now."""
        return fold(asyncio.run(self.log.read_job(f"j{n}")))

    @rule(n=JOBS, priority=st.sampled_from(get_args(Priority)))
    def submit(self, n: int, priority: Priority) -> None:
        self.append(replace(requested(f"j{n}"), priority=priority), JobAt(sequence=0))

    @rule(reader=READERS, count=st.integers(1, 5))
    def read(self, reader: int, count: int) -> None:
        view = self.views[reader]
        for record in [one for one in self.records if one.sequence > view.sequence][:count]:
            view.observe(record)

    @rule(reader=READERS, skew_s=st.integers(-30, 30))
    def schedule(self, reader: int, skew_s: int) -> None:
        view = self.views[reader]
        sightings = Sightings(since=START, last={"host": self.heard})
        now = self.now + timedelta(seconds=skew_s)
        for decision in decide(view, sightings, RULES, now, chance=lambda: 1.0)[:1]:
            job = view.get(decision.job_id)
            assert job is not None
            scheduling = isinstance(decision, AttemptScheduled)
            expect = LogAt(sequence=view.sequence) if scheduling else JobAt(sequence=job.sequence)
            self.append(decision, expect)

    @rule(n=JOBS)
    def claim(self, n: int) -> None:
        job = self.newest(n)
        if job is None or job.has_ended or job.cancel_requested:  # as executors do
            return
        if job.current is not None and job.current.status == "scheduled":
            number = job.current.number
            event = AttemptStarted(
                job_id=job.job_id, attempt=number, executor="host", runtime="r", cpus=1, memory_bytes=1
            )
            self.append(event, JobAt(sequence=job.sequence))

    @rule(n=JOBS, how=st.sampled_from(["succeeds", "crashes", "is hopeless"]))
    def end(self, n: int, how: str) -> None:
        job = self.newest(n)
        if job is None or job.current is None or job.current.status != "running":
            return
        name, number = job.job_id, job.current.number
        event: Event = AttemptFailed(
            job_id=name, attempt=number, reason="r", message="m", retryable=how == "crashes"
        )
        if how == "succeeds":
            event = AttemptSucceeded(
                job_id=name,
                attempt=number,
                task="t",
                metric="m",
                maximize=True,
                score=1,
                fold_scores=(),
                artifacts=(),
            )
        self.append(event, JobAt(sequence=job.sequence))

    @rule(n=JOBS)
    def cancel(self, n: int) -> None:
        job = self.newest(n)
        if job is not None and not job.has_ended:
            self.append(JobCancelRequested(job_id=job.job_id), JobAt(sequence=job.sequence))

    @rule(seconds=st.integers(1, 90), alive=st.booleans())
    def wait(self, seconds: int, alive: bool) -> None:
        self.now += timedelta(seconds=seconds)
        if alive:
            self.heard = self.now

    @invariant()
    def no_more_attempts_than_places(self) -> None:
        jobs = [job for n in range(2) if (job := self.newest(n)) is not None and not job.has_ended]
        assert sum(job.current is not None and job.current.is_active for job in jobs) <= RULES.running_max

    @invariant()
    def attempts_are_three_at_most_and_start_once(self) -> None:
        starts = [
            (record.event.job_id, record.event.attempt)
            for record in self.records
            if isinstance(record.event, AttemptStarted)
        ]
        assert len(starts) == len(set(starts))
        assert all(number <= 3 for _, number in starts)

    @invariant()
    def an_end_is_the_last_word(self) -> None:
        ends = [
            record.event.job_id
            for record in self.records
            if type(record.event).__name__ in {"JobSucceeded", "JobFailed", "JobCancelled"}
        ]
        assert len(ends) == len(set(ends))


TestSchedulers = SchedulersMachine.TestCase
TestSchedulers.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
