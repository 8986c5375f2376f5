"""What an earlier process of this executor left, judged by the log: what goes on here, what is over.  Pure.

An attempt goes on where the log says that it runs here.  Its output is then read again from its first line,
and what the log holds already is passed over by the numbers that its messages carry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from events.catalogue import (
    AttemptStarted,
    EgressRefused,
    LlmCallCompleted,
    ModelEvaluated,
    StageCompleted,
    StageProgressed,
    StageStarted,
    SubmissionUploaded,
)
from events.job import fold

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from events.job import Job
    from events.recorded import Recorded

SAID: Final = (
    StageStarted,
    StageProgressed,
    StageCompleted,
    ModelEvaluated,
    LlmCallCompleted,
    SubmissionUploaded,
)
"""The events that an agent's messages become, each with the message's number."""


def runs_here(job: Job | None, attempt: int, executor: str) -> bool:
    """The log says that this executor runs that attempt now."""
    current = job.current if job and not job.has_ended else None
    return (
        current is not None
        and current.number == attempt
        and current.status == "running"
        and current.executor == executor
    )


def is_left_over(records: Sequence[Recorded], attempt: int, executor: str) -> bool:
    """A sandbox of that attempt has no more business here, by the events of its job.

    There is a sandbox because the attempt was started: a history of the job that does not know of it is old,
    and says nothing.  A job without any history is none of this log's.
    """
    knows = any(isinstance(one.event, AttemptStarted) and one.event.attempt == attempt for one in records)
    return not records or (knows and not runs_here(fold(records), attempt, executor))


def last_heard(records: Sequence[Recorded], attempt: int) -> int:
    """The number of the last message of an attempt that is in the log; 0 where there is none.

    Messages are stored in the order of their numbers: all up to this one are there, but for progress that
    a newer progress took the place of.
    """
    events = (record.event for record in records)
    numbers = (event.number for event in events if isinstance(event, SAID) and event.attempt == attempt)
    return max(numbers, default=0)


def told_refusals(records: Sequence[Recorded], attempt: int) -> frozenset[str]:
    """The refused connections of an attempt that are in the log."""
    events = (record.event for record in records)
    return frozenset(
        event.what for event in events if isinstance(event, EgressRefused) and event.attempt == attempt
    )


def time_run_s(job: Job, now: datetime) -> float:
    """How long the current attempt has run by this host's clock, never less than 0."""
    started_at = job.current.started_at if job.current else None
    return max(0.0, (now - started_at).total_seconds()) if started_at else 0.0
