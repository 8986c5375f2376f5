"""What an earlier process left goes on, or goes away, by what the log says and never by an old view of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from events.catalogue import (
    AttemptFailed,
    AttemptLost,
    AttemptScheduled,
    AttemptStarted,
    JobRequested,
    ModelEvaluated,
    StageProgressed,
    StageStarted,
)
from events.job import fold
from services.executor.adoption import is_left_over, last_heard, runs_here, time_run_s
from tests.unit.events.strategies import told

if TYPE_CHECKING:
    from events.catalogue import Event
    from events.recorded import Recorded

REQUESTED = JobRequested(job_id="a", competition="t", source="local", kaggle_url="local:t")
LOST = AttemptLost(job_id="a", attempt=1, executor="one", silent_s=30)


def started(attempt: int, executor: str = "one") -> tuple[Event, Event]:
    return (
        AttemptScheduled(job_id="a", attempt=attempt),
        AttemptStarted(job_id="a", attempt=attempt, executor=executor, runtime="r", cpus=1, memory_bytes=1),
    )


def history(*events: Event) -> list[Recorded]:
    return told((REQUESTED, *events))


@pytest.mark.parametrize(
    ("events", "left_over"),
    [
        (started(1), False),
        ((*started(1), LOST), True),
        ((*started(1), LOST, *started(2)), True),
        ((*started(1), AttemptFailed(job_id="a", attempt=1, reason="r", message="m", retryable=True)), True),
        (started(1, "two"), True),
        ((), False),  # a view from before the start: the sandbox shows that there is more
        ((AttemptScheduled(job_id="a", attempt=1),), False),
    ],
)
def test_a_sandbox_goes_once_the_log_has_told_the_end_of_its_attempt(
    events: tuple[Event, ...], left_over: bool
) -> None:
    assert is_left_over(history(*events), 1, "one") is left_over


def test_a_sandbox_of_a_job_that_the_log_never_heard_of_goes() -> None:
    assert is_left_over([], 1, "one")


def test_an_attempt_runs_here_only_under_this_name_and_number() -> None:
    job = fold(history(*started(1)))
    assert runs_here(job, 1, "one")
    assert not runs_here(job, 2, "one")
    assert not runs_here(job, 1, "two")
    assert not runs_here(None, 1, "one")


def test_the_last_message_heard_is_this_attempts_highest_number() -> None:
    def model(attempt: int, number: int) -> ModelEvaluated:
        return ModelEvaluated(
            job_id="a",
            attempt=attempt,
            number=number,
            model="m",
            metric="auc",
            maximize=True,
            score=0.5,
            fold_scores=(0.5,),
        )

    records = history(
        *started(1),
        model(1, 9),
        LOST,
        *started(2),
        StageStarted(job_id="a", attempt=2, number=1, stage="analysis"),
        StageProgressed(job_id="a", attempt=2, number=4, stage="analysis", fraction=0.5, message=""),
    )
    assert last_heard(records, 2) == 4
    assert last_heard(records, 1) == 9
    assert last_heard(records, 3) == 0


def test_the_time_that_it_ran_counts_towards_its_limit() -> None:
    records = history(*started(1))
    job = fold(records)
    assert job is not None
    assert time_run_s(job, records[-1].time + timedelta(seconds=90)) == 90
    assert time_run_s(job, records[-1].time - timedelta(seconds=5)) == 0
