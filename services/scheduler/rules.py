"""The scheduler's decisions, pure: from the live jobs and the time to the events that should follow.

The only place that knows how many attempts may run at once, who is next, and how often a job is tried again.

Priorities are strict: a place that is free goes to the highest priority that waits, and within it to the
oldest request.  A job's place is that of its request, so a retry does not go to the end of the line.
A place is one under the cap; where executors say how many slots they have, there are no more places than
slots, so that what waits is put in order as late as can be, and not taken by nobody.
Nothing ages: while jobs of a higher priority keep all places taken, those of a lower one wait, for ever
if need be.  A running attempt is never stopped for the sake of another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from heapq import merge
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from events.catalogue import (
    AttemptLost,
    AttemptScheduled,
    JobCancelled,
    JobFailed,
    JobSucceeded,
    RetryScheduled,
)
from services.presence import Heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from events.catalogue import Priority
    from events.job import Attempt, Failure, Job
    from events.live import LiveJobs

Decision: TypeAlias = (
    AttemptScheduled | AttemptLost | RetryScheduled | JobSucceeded | JobFailed | JobCancelled
)


Jitter: TypeAlias = Literal["none", "full"]

GIVEN_UP: Final = frozenset({"executor_stopped", "executor_left"})
"""The reasons of attempts that ended because somebody stopped their executor: see `tries`."""
GIVEN_UP_MAX: Final = 10

_RANKS: Final[dict[Priority, int]] = {"high": 0, "normal": 1, "low": 2}
"""The first first."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator allows.

    `retry_delays_s[n]` is the wait before the retry after attempt n + 1; there are as many retries as
    delays.  With `retry_jitter` "full" a wait is of any length up to that, each as likely as the other:
    jobs that failed together do not come back together.  Of one submitter (the
    owner of its API key; where there is none, whom the request names) at most `submitter_running_max`
    attempts run at once (None: as many as there are places).  An executor that
    is silent for longer than `lease_s` has lost its attempts; one that said that it leaves them to its
    successor, for longer than `handover_s`.
    """

    running_max: int = 10
    retry_delays_s: tuple[float, ...] = (60.0, 120.0)
    retry_jitter: Jitter = "none"
    submitter_running_max: int | None = None
    lease_s: float = 15.0
    handover_s: float = 120.0


class Sightings(msgspec.Struct, frozen=True, kw_only=True):
    """When each executor was last heard, by this scheduler's clock; `since` is when it began to listen.

    `beats` are what they said last, None what could not be read.
    """

    since: datetime
    last: Mapping[str, datetime]
    beats: Mapping[str, Heartbeat | None] = {}

    def silent_s(self, executor: str, now: datetime) -> float:
        """Seconds since the executor was heard, or since anybody listened."""
        return (now - max(self.last.get(executor, self.since), self.since)).total_seconds()

    def has_left(self, executor: str) -> bool:
        """The last that was heard of it is that its successor takes its attempts over."""
        beat = self.beats.get(executor)
        return beat is not None and beat.leaving

    def places(self, now: datetime, *, lease_s: float) -> int | None:
        """How many attempts the executors have room for that live; None where that is not known."""
        alive = [
            self.beats.get(executor)
            for executor in self.last
            if self.silent_s(executor, now) <= lease_s and not self.has_left(executor)
        ]
        known = [beat.places for beat in alive if beat is not None]
        return sum(known) if known and len(known) == len(alive) else None


def decide(
    jobs: LiveJobs, sightings: Sightings, rules: Rules, now: datetime, *, chance: Callable[[], float]
) -> list[Decision]:
    """The events that should follow, in order; empty when there is nothing to do.

    `chance` gives numbers in 0..1 for jitter.  A job gets at most one decision a call: the next call, which
    sees it, makes the next.  However many jobs wait, only those are looked at that get a place, and those
    that they pass by.
    """
    moving = jobs.moving
    settled = [decision for job in moving if (decision := _settle(job, sightings, rules, now, chance))]
    decided = {decision.job_id for decision in settled}
    active = [job for job in moving if job.current is not None and job.current.is_active]
    again = sorted((job for job in moving if job.job_id not in decided and _is_due(job, now)), key=_place)
    first = chain.from_iterable(jobs.waiting(priority) for priority in _RANKS)
    ready = merge(again, first, key=_place)
    room = sightings.places(now, lease_s=rules.lease_s)
    places = rules.running_max if room is None else min(rules.running_max, room)
    chosen = islice(_within_caps(ready, active, rules), max(places - len(active), 0))
    starts = [AttemptScheduled(job_id=job.job_id, attempt=len(job.attempts) + 1) for job in chosen]
    return [*settled, *starts]


def _within_caps(ready: Iterable[Job], active: Iterable[Job], rules: Rules) -> Iterator[Job]:
    """The ready jobs but those whose submitter has all that it may have; others pass them by."""
    running = Counter(_submitter_of(job) for job in active)
    for job in ready:
        most, submitter = rules.submitter_running_max, _submitter_of(job)
        if submitter is None or most is None or running[submitter] < most:
            running[submitter] += 1
            yield job


def _submitter_of(job: Job) -> tuple[str, str] | None:
    """Who asked for it: whose key it was counts before what the request says, which anybody may say."""
    if job.owner is not None:
        return "key", job.owner
    return None if job.submitter is None else ("named", job.submitter)


def _place(job: Job) -> tuple[int, int]:
    """Its place in the line: by priority, and within it by request."""
    return _RANKS[job.priority], job.requested_sequence


def _is_due(job: Job, now: datetime) -> bool:
    """It was tried, waits for another place, and may have one."""
    return job.status == "retrying" and (job.not_before is None or job.not_before <= now)


def _settle(
    job: Job, sightings: Sightings, rules: Rules, now: datetime, chance: Callable[[], float]
) -> Decision | None:
    """What follows for a job from what has happened to it, places under the cap aside."""
    attempt = job.current
    if attempt is not None and attempt.status == "succeeded":
        return JobSucceeded(job_id=job.job_id, attempt=attempt.number)
    if attempt is not None and attempt.status == "running":
        return _lost(job, attempt, sightings, rules, now)
    if job.cancel_requested:
        return JobCancelled(job_id=job.job_id)
    if job.status == "running" and attempt is not None and attempt.failure is not None:
        return _after_failure(job, attempt.failure, rules, now, chance)
    return None


def _lost(
    job: Job, attempt: Attempt, sightings: Sightings, rules: Rules, now: datetime
) -> AttemptLost | None:
    if attempt.executor is None:
        return None
    silent_s, left = sightings.silent_s(attempt.executor, now), sightings.has_left(attempt.executor)
    if silent_s <= (max(rules.handover_s, rules.lease_s) if left else rules.lease_s):
        return None
    return AttemptLost(
        job_id=job.job_id, attempt=attempt.number, executor=attempt.executor, silent_s=silent_s, left=left
    )


def _after_failure(
    job: Job, failure: Failure, rules: Rules, now: datetime, chance: Callable[[], float]
) -> RetryScheduled | JobFailed:
    tried = tries(job)
    if not failure.retryable:
        return JobFailed(job_id=job.job_id, reason=failure.reason, message=failure.message)
    if tried > len(rules.retry_delays_s):
        message = f"All {tried} attempts failed. The last: {failure.message}"
        return JobFailed(job_id=job.job_id, reason=failure.reason, message=message)
    share = chance() if rules.retry_jitter == "full" else 1.0
    delay_s = rules.retry_delays_s[tried - 1] * share if _counts(job, len(job.attempts)) else 0.0
    return RetryScheduled(
        job_id=job.job_id, attempt=len(job.attempts) + 1, not_before=now + timedelta(seconds=delay_s)
    )


def tries(job: Job) -> int:
    """How many of a job's attempts count: all but those that an operator ended by stopping their executor."""
    return sum(_counts(job, attempt.number) for attempt in job.attempts)


def _counts(job: Job, number: int) -> bool:
    """Whether an attempt is one of those that a job may have.

    The executor's end is not the job's doing; but what is stopped again and again may not go on for ever.
    """
    given_up = [
        attempt.number
        for attempt in job.attempts
        if attempt.failure is not None and attempt.failure.reason in GIVEN_UP
    ]
    return number not in given_up[:GIVEN_UP_MAX]
