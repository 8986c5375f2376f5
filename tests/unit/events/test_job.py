"""The fold of a job: one history as it should go, and any history at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events import catalogue as ev
from events.job import Job, evolve, fold, request_of
from tests.history import START, job_after, recorded, requested
from tests.unit.events.strategies import events, histories, told

if TYPE_CHECKING:
    from events.recorded import Recorded


def scheduled(attempt: int = 1) -> ev.AttemptScheduled:
    return ev.AttemptScheduled(job_id="j1", attempt=attempt)


def started(attempt: int = 1) -> ev.AttemptStarted:
    return ev.AttemptStarted(
        job_id="j1", attempt=attempt, executor="x1", runtime="docker", cpus=2, memory_bytes=2**30
    )


def succeeded(attempt: int = 1) -> ev.AttemptSucceeded:
    submission = ev.Artifact(name="submission.csv", key=f"j1/{attempt}/submission.csv", bytes=9, sha256="aa")
    return ev.AttemptSucceeded(
        job_id="j1",
        attempt=attempt,
        task="binary",
        metric="auc",
        maximize=True,
        score=0.9,
        fold_scores=(0.9,),
        artifacts=(submission,),
    )


LOST = ev.AttemptLost(job_id="j1", attempt=1, executor="x1", silent_s=15.2)
RETRY = ev.RetryScheduled(job_id="j1", attempt=2, not_before=START)


def test_a_job_that_goes_well() -> None:
    job = job_after(scheduled(), started(), succeeded(), ev.JobSucceeded(job_id="j1", attempt=1))
    assert job.status == "success"
    assert job.has_ended
    assert job.result is not None
    assert [artifact.key for artifact in job.result.artifacts] == ["j1/1/submission.csv"]
    assert job.created_at < job.started_at < job.completed_at


def test_a_job_runs_from_the_start_of_an_attempt_on() -> None:
    assert job_after().status == "queued"
    assert job_after(scheduled()).status == "queued"
    assert job_after(scheduled(), started()).status == "running"


def test_a_retry_keeps_the_first_start_and_the_first_failure() -> None:
    before = job_after(scheduled(), started(), LOST, RETRY)
    assert (before.status, before.not_before) == ("retrying", START)
    after = job_after(scheduled(), started(), LOST, RETRY, scheduled(2), started(2))
    assert (after.status, after.not_before, after.started_at) == ("running", None, before.started_at)
    assert [attempt.status for attempt in after.attempts] == ["lost", "running"]
    assert after.attempts[0].failure.message == "Executor x1 was silent for 15 s."


def test_late_words_of_an_attempt_that_is_over_change_nothing() -> None:
    history = (scheduled(), started(), LOST, RETRY, scheduled(2), started(2))
    late = ev.StageStarted(job_id="j1", attempt=1, stage="training")
    assert replace(job_after(*history, succeeded(1), late), sequence=0) == replace(
        job_after(*history), sequence=0
    )


def test_a_second_claim_of_a_running_attempt_is_none() -> None:
    other = replace(started(), executor="x2", runtime="process")
    assert job_after(scheduled(), started(), other).current == job_after(scheduled(), started()).current


@pytest.mark.parametrize(
    "word",
    [
        ev.StageStarted(job_id="j1", attempt=1, stage="analysis"),
        ev.AttemptFailed(job_id="j1", attempt=1, reason="r", message="m", retryable=True),
        succeeded(),
        LOST,
    ],
)
def test_an_attempt_that_nobody_has_claimed_says_nothing(word: ev.Event) -> None:
    assert replace(job_after(scheduled(), word), sequence=0) == replace(job_after(scheduled()), sequence=0)


def test_a_second_attempt_beside_an_active_one_is_none() -> None:
    assert len(job_after(scheduled(), scheduled(2)).attempts) == 1


def test_stages_models_and_calls_add_up() -> None:
    call = ev.LlmCallCompleted(
        job_id="j1",
        attempt=1,
        model="m",
        purpose="planning",
        input_tokens=1,
        output_tokens=1,
        cache_read_tokens=0,
        cache_write_tokens=0,
        dollars=0.25,
        duration_ms=1,
    )
    model = ev.ModelEvaluated(
        job_id="j1", attempt=1, model="lgbm", metric="auc", maximize=True, score=0.8, fold_scores=(0.8,)
    )
    begun = ev.StageStarted(job_id="j1", attempt=1, stage="training")
    half = ev.StageProgressed(job_id="j1", attempt=1, stage="training", fraction=0.5, message="half")
    ended = ev.StageCompleted(job_id="j1", attempt=1, stage="training", summary="done")
    attempt = job_after(scheduled(), started(), begun, call, half, model, call, ended).current
    assert (attempt.llm_calls, attempt.dollars) == (2, 0.5)
    assert [score.model for score in attempt.models] == ["lgbm"]
    assert [(stage.fraction, stage.message) for stage in attempt.stages] == [(1.0, "done")]


def test_a_job_begins_with_its_request() -> None:
    assert fold(recorded([scheduled(), started()])) is None
    assert fold(recorded([scheduled(), requested()])).requested_sequence == 2


@given(histories())
def test_any_history_folds_and_ends_with_its_last_sequence(history) -> None:
    job = fold(history)
    assert isinstance(job, Job)
    assert job.sequence == history[-1].sequence


@given(histories(), st.data())
def test_an_event_applied_again_changes_nothing(history, data) -> None:
    job = fold(history)
    again = data.draw(st.sampled_from(history))
    assert evolve(job, again) is job
    assert fold(history + history) == job


@given(histories(), st.lists(events(), max_size=10))
def test_what_has_ended_stays_as_it_is(history, more) -> None:
    end = ev.JobCancelled(job_id=history[0].event.job_id)
    whole = told([record.event for record in history] + [end])
    ended = fold(whole)
    assert ended.has_ended
    later = fold(told([*(record.event for record in whole), *more]))
    assert replace(later, sequence=0, archive=None) == replace(ended, sequence=0, archive=None)


@given(histories())
def test_attempts_are_numbered_without_gaps_and_one_at_most_is_active(history) -> None:
    attempts = fold(history).attempts
    assert [attempt.number for attempt in attempts] == list(range(1, len(attempts) + 1))
    assert not any(attempt.is_active for attempt in attempts[:-1])


def archived(history: list[Recorded], *, at: int) -> Recorded:
    job = fold(history)
    event = ev.JobArchived(job_id=job.job_id, file="a.ndjson.zst", sha256="aa", events=len(history), job=job)
    return replace(told([event])[0], sequence=at)


@given(histories(archived=False), st.integers(0, 40))
def test_an_archived_job_is_the_same_to_whoever_saw_all_some_or_none_of_its_events(history, seen) -> None:
    end = ev.JobCancelled(job_id=history[0].event.job_id)
    whole = told([*(record.event for record in history), end])
    mark = archived(whole, at=99)
    job = fold([*whole, mark])
    assert fold([mark]) == fold([*whole[:seen], mark]) == job
    assert replace(job, sequence=len(whole), archive=None) == fold(whole)
    assert job.archive.file == "a.ndjson.zst"
    assert evolve(job, mark) == job


def test_an_archive_of_what_has_not_ended_or_of_another_job_changes_nothing() -> None:
    history = recorded([requested("j1"), scheduled()])
    mark = archived(history, at=9)
    assert fold([mark]) is None
    assert fold([*history, mark]) == replace(fold(history), sequence=9)
    ended = [*history, *recorded([ev.JobCancelled(job_id="j1")], first=3)]
    other = replace(archived(ended, at=9).event, job_id="j2")
    assert fold([replace(mark, event=other)]) is None


@given(histories(archived=False))
def test_a_job_tells_what_it_was_asked_for(history) -> None:
    assert request_of(fold(history)) == history[0].event
