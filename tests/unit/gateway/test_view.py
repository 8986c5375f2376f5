"""What is shown of a job at each point of its life."""

from __future__ import annotations

from events import catalogue as ev
from services.gateway.view import ErrorView, summary_of, view_of
from tests.history import job_after
from tests.unit.gateway.histories import JOB, failed_once, started, succeeded


def test_a_job_that_waits() -> None:
    view = view_of(job_after(job_id=JOB))
    assert (view.status, view.attempt, view.stage, view.score, view.error) == ("queued", 0, None, None, None)
    assert (view.status_url, view.events_url) == (f"/status/{JOB}", f"/jobs/{JOB}/events")


def test_a_job_that_runs() -> None:
    view = view_of(job_after(*started(1), job_id=JOB))
    assert (view.status, view.attempt, view.stage, view.dollars) == ("running", 1, "analysis", 0.25)
    assert [stage.stage for stage in view.stages] == ["analysis"]


def test_a_job_that_waits_for_its_retry_says_why() -> None:
    view = view_of(job_after(*failed_once(), job_id=JOB))
    assert view.status == "retrying"
    assert view.not_before is not None
    assert view.error == ErrorView(reason="oom", message="No memory.")


def test_a_job_that_succeeded_has_its_files_and_all_its_costs() -> None:
    job = job_after(*succeeded(), job_id=JOB)
    view = view_of(job)
    assert (view.status, view.attempt, view.metric, view.maximize) == ("success", 2, "rmse", False)
    assert (view.score, view.fold_scores, view.dollars, view.error) == (0.3, (0.2, 0.4), 0.5, None)
    assert [one.url for one in view.artifacts] == [
        f"/jobs/{JOB}/files/submission.csv",
        f"/jobs/{JOB}/files/a%20b%2F%C3%BC.png",
    ]
    assert [(one.number, one.status) for one in view.attempts] == [(1, "failed"), (2, "succeeded")]
    assert view.sequence == job.sequence
    assert summary_of(job).score == 0.3


def test_a_job_that_failed_shows_no_files() -> None:
    over = ev.JobFailed(job_id=JOB, reason="no_luck", message="Three attempts failed.")
    view = view_of(job_after(*failed_once(), over, job_id=JOB))
    assert (view.status, view.artifacts) == ("failed", ())
    assert view.error == ErrorView(reason="no_luck", message="Three attempts failed.")
