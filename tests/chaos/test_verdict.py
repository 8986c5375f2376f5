"""The judge of a run sees each thing that must not be, and nothing where all is well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from events import catalogue as ev
from events.job import fold
from tests.chaos.history import History, Mark
from tests.chaos.verdict import by_job, judge
from tests.history import recorded, requested

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.catalogue import Event


def scheduled(job_id: str, attempt: int = 1) -> Event:
    return ev.AttemptScheduled(job_id=job_id, attempt=attempt)


def started(job_id: str, attempt: int = 1) -> Event:
    return ev.AttemptStarted(
        job_id=job_id, attempt=attempt, executor="x", runtime="process", cpus=1, memory_bytes=1
    )


def succeeded(job_id: str, attempt: int = 1) -> Event:
    return ev.AttemptSucceeded(
        job_id=job_id,
        attempt=attempt,
        task="t",
        metric="m",
        maximize=True,
        score=1,
        fold_scores=(),
        artifacts=(),
    )


def lost(job_id: str, attempt: int = 1) -> Event:
    return ev.AttemptLost(job_id=job_id, attempt=attempt, executor="x", silent_s=9)


def ended(job_id: str, attempt: int = 1) -> Event:
    return ev.JobSucceeded(job_id=job_id, attempt=attempt)


def mark(job_id: str, attempt: int = 1, *, began_s: float = 0, last_s: float = 1) -> Mark:
    return Mark(job_id=job_id, attempt=attempt, began_s=began_s, last_s=last_s, finished=True)


GOOD = (requested("a"), scheduled("a"), started("a"), succeeded("a"), ended("a"))
RETRIED = (
    *GOOD[:3],
    lost("a"),
    scheduled("a", 2),
    started("a", 2),
    succeeded("a", 2),
    ended("a", 2),
)


def history(events: Sequence[Event], **changes: Any) -> History:
    """What is left of a run in which only that happened, seen and folded as it should be."""
    records = recorded(events)
    jobs = by_job(records)
    folded = {job_id: job for job_id, of_job in jobs.items() if (job := fold(of_job))}
    good = History(
        records=tuple(records),
        rows=folded,
        marks=tuple(mark(e.job_id, e.attempt) for e in events if isinstance(e, ev.AttemptSucceeded)),
        accepted=frozenset(jobs),
        seen={job_id: [record.sequence for record in of_job] for job_id, of_job in jobs.items()},
    )
    return replace(good, **changes)


@pytest.mark.parametrize("events", [GOOD, RETRIED])
def test_a_good_run_is_well(events: Sequence[Event]) -> None:
    assert judge(history(events), running_max=1) == []


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (history(GOOD, accepted=frozenset({"a", "b"})), "b was accepted and is not in the log"),
        (history(GOOD, accepted=frozenset()), "a is in the log twice over"),
        (history(GOOD[:-1]), "a has 0 ends"),
        (history((*GOOD, ended("a"))), "a has 2 ends"),
        (history((*GOOD[:3], requested("b"), scheduled("b"), *GOOD[3:])), "2 attempts run at once"),
        (history((*GOOD[:3], scheduled("a", 2), *GOOD[3:])), "attempt 1 is not over"),
        (history((*GOOD[:3], started("a"), *GOOD[3:])), "may not start (again)"),
        (history((*RETRIED[:4], succeeded("a"), *RETRIED[4:])), "a late word of attempt 1"),
        (history(GOOD, marks=(mark("a"), mark("a"))), "attempt 1 of a was run twice"),
        (history(GOOD, marks=()), "succeeded, but its agent did not finish"),
        (history(GOOD, marks=(mark("a"), mark("b"))), "attempt 1 of b ran and is not in the log"),
        (history(GOOD, rows={}), "the row of a is not the fold"),
        (history(GOOD, seen={"a": [1, 2, 2, 3, 4, 5]}), "saw 1 twice"),
        (history(GOOD, seen={"a": [1, 2, 4, 5]}), "missed [3]"),
        (history(GOOD, seen={"a": [1, 3, 2, 4, 5]}), "out of order"),
    ],
)
def test_what_must_not_be_is_seen(bad: History, words: str) -> None:
    assert words in "\n".join(judge(bad, running_max=1))


def test_attempts_may_live_at_once_only_where_the_first_was_lost() -> None:
    marks = (mark("a", last_s=9), mark("a", 2, began_s=5, last_s=9))
    assert judge(history(RETRIED, marks=marks), running_max=1) == []
    failed = ev.AttemptFailed(job_id="a", attempt=1, reason="r", message="m", retryable=True)
    retried = [failed if isinstance(event, ev.AttemptLost) else event for event in RETRIED]
    assert judge(history(retried, marks=marks), running_max=1) == ["attempts 1 and 2 of a ran at once"]
