"""Rows from events: which columns say what, and JSON that Postgres takes and that reads back exactly."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from msgspec.structs import replace

from events import catalogue as ev
from events.job import fold
from services.projector.rows import decode, encode, keys_of, project, row_of
from tests.history import START, job_after, recorded, requested
from tests.unit.events.strategies import JOB_ID, histories, without_nul

KEY = UUID(JOB_ID)
SCHEDULED = ev.AttemptScheduled(job_id=JOB_ID, attempt=1)
STARTED = ev.AttemptStarted(job_id=JOB_ID, attempt=1, executor="x", runtime="docker", cpus=1, memory_bytes=1)
FAILED = ev.AttemptFailed(
    job_id=JOB_ID, attempt=1, reason="out_of_memory", message="It took 5 GB.", retryable=True
)
SUCCEEDED = ev.AttemptSucceeded(
    job_id=JOB_ID,
    attempt=1,
    task="binary",
    metric="auc",
    maximize=True,
    score=0.9,
    fold_scores=(0.9,),
    artifacts=tuple(
        ev.Artifact(name=name, key=f"a/1/{name}", bytes=1, sha256="aa") for name in ("log", "submission.csv")
    ),
)


def test_a_new_jobs_row() -> None:
    job = job_after(job_id=JOB_ID)
    row = row_of(KEY, job)
    assert (row.job_id, row.kaggle_url, row.competition_name, row.status) == (KEY, "local:c", "c", "queued")
    assert (row.created_at, row.started_at, row.completed_at) == (job.created_at, None, None)
    assert (row.attempt, row.submission_path, row.error_message, row.sequence) == (0, None, None, 1)


def test_the_submission_is_that_of_a_job_that_succeeded() -> None:
    assert row_of(KEY, job_after(SCHEDULED, STARTED, SUCCEEDED, job_id=JOB_ID)).submission_path is None
    ended = job_after(SCHEDULED, STARTED, SUCCEEDED, ev.JobSucceeded(job_id=JOB_ID, attempt=1), job_id=JOB_ID)
    row = row_of(KEY, ended)
    assert (row.status, row.attempt, row.submission_path) == ("success", 1, "a/1/submission.csv")
    assert row.completed_at == ended.completed_at


def test_the_error_is_the_jobs_or_its_latest_attempts() -> None:
    retry = ev.RetryScheduled(job_id=JOB_ID, attempt=2, not_before=START)
    again = ev.AttemptScheduled(job_id=JOB_ID, attempt=2)
    over = ev.JobFailed(job_id=JOB_ID, reason="gave_up", message="Three times is enough.")
    history = (SCHEDULED, STARTED, FAILED, retry)
    assert row_of(KEY, job_after(*history, job_id=JOB_ID)).error_message == "It took 5 GB."
    assert row_of(KEY, job_after(*history, again, job_id=JOB_ID)).error_message is None
    assert (
        row_of(KEY, job_after(SCHEDULED, STARTED, FAILED, over, job_id=JOB_ID)).error_message == over.message
    )


def test_only_jobs_that_changed_are_told() -> None:
    known, other = job_after(job_id=JOB_ID), str(UUID(int=7))
    unknown = ev.JobCancelRequested(job_id=str(UUID(int=8)))
    records = recorded([requested(JOB_ID), requested(other), SCHEDULED, unknown])
    changed = project({KEY: known}, records, keys_of(records))
    assert list(changed) == [UUID(other), KEY]
    assert changed[KEY].current.number == 1
    assert project({KEY: known}, records[:1], keys_of(records)) == {}


def test_a_job_whose_id_is_no_uuid_is_left_out() -> None:
    records = recorded([requested("j1"), requested(JOB_ID)])
    assert keys_of(records) == {JOB_ID: KEY}
    assert list(project({}, records, keys_of(records))) == [KEY]


@given(histories())
def test_a_job_reads_back_as_it_was(history) -> None:
    job = fold(history)
    assert decode(encode(job)) == without_nul(job)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a\x00b", "a\ufffdb"),
        ("\\u0000", "\\u0000"),
        ("\\\x00", "\\\ufffd"),
        ("\\\\u0000\x00\\", "\\\\u0000\ufffd\\"),
        ('"\x00"', '"\ufffd"'),
    ],
)
def test_a_stand_in_is_kept_for_nul_and_for_nothing_else(written: str, kept: str) -> None:
    job = replace(job_after(job_id=JOB_ID), competition=written)
    assert decode(encode(job)).competition == kept
    assert row_of(KEY, job).competition_name == kept


@given(histories())
def test_a_fold_that_stops_and_goes_on_comes_to_the_same_rows(history) -> None:
    keys = keys_of(history)
    whole = project({}, history, keys)[KEY]
    middle = len(history) // 2 + 1
    half = project({}, history[:middle], keys)
    resumed = {key: decode(encode(job)) for key, job in half.items()}
    later = {**half, **project(resumed, history[middle:], keys)}
    assert row_of(KEY, later[KEY]) == row_of(KEY, whole)
