"""What jobs took, from their events.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cli.capacity.plan import JobCost
from events.job import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.job import Job
    from events.recorded import Recorded


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What so many jobs took on average; `budget_s` is the mean time that their attempts were given."""

    jobs: int
    budget_s: float
    cost: JobCost


def known_of(logs: Sequence[Sequence[Recorded]], *, event_overhead: float, row_bytes: float) -> Known | None:
    """What jobs took that have ended, each given by its events; None where there is none that had a place.

    What events do not tell is given: `event_overhead` is what NATS stores beside a payload, `row_bytes`
    what a row takes.
    """
    jobs = [(job, log) for log in logs if (job := fold(log)) and job.has_ended and job.attempts]
    if not jobs:
        return None
    attempts = sum(len(job.attempts) for job, _ in jobs)
    cost = JobCost(
        attempts=attempts / len(jobs),
        attempt_s=sum(_held_s(job) for job, _ in jobs) / attempts,
        events=sum(len(log) for _, log in jobs) / len(jobs),
        log_bytes=sum(_payload_bytes(log) + len(log) * event_overhead for _, log in jobs) / len(jobs),
        artifact_bytes=sum(_artifact_bytes(job) for job, _ in jobs) / len(jobs),
        row_bytes=row_bytes,
        model_dollars=sum(job.dollars for job, _ in jobs) / len(jobs),
    )
    budgets_s = [one.budget_s for job, _ in jobs for one in job.attempts if one.budget_s is not None]
    return Known(jobs=len(jobs), budget_s=sum(budgets_s) / max(len(budgets_s), 1), cost=cost)


def _held_s(job: Job) -> float:
    """How long its attempts held places; one that was cancelled before it ran has no end of its own."""
    ends = ((one, one.ended_at or job.completed_at or one.scheduled_at) for one in job.attempts)
    return sum((ended - one.scheduled_at).total_seconds() for one, ended in ends)


def _payload_bytes(log: Sequence[Recorded]) -> int:
    return sum(len(msgspec.json.encode(record.event)) for record in log)


def _artifact_bytes(job: Job) -> int:
    results = (attempt.result for attempt in job.attempts)
    return sum(artifact.bytes for result in results if result for artifact in result.artifacts)
