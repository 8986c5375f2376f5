"""The jobs that have not ended, as a scheduler sees them."""

from __future__ import annotations

from msgspec.structs import replace

from events import catalogue as ev
from events.live import LiveJobs
from tests.history import recorded, requested


def observed(*events: ev.Event) -> LiveJobs:
    jobs = LiveJobs()
    for record in recorded(events):
        jobs.observe(record)
    return jobs


def test_live_jobs_come_in_the_order_of_their_requests_whatever_happened_since() -> None:
    jobs = observed(requested("a"), requested("b"), ev.JobCancelRequested(job_id="a"))
    assert [job.job_id for job in jobs] == ["a", "b"]
    assert jobs.sequence == 3


def test_a_job_that_ends_is_shown_once_and_forgotten() -> None:
    jobs = observed(requested("a"))
    end, late = recorded([ev.JobCancelled(job_id="a"), ev.JobCancelRequested(job_id="a")], first=2)
    assert jobs.observe(end).status == "cancelled"
    assert jobs.observe(late) is None
    assert (len(jobs), jobs.get("a"), jobs.sequence) == (0, None, 3)


def test_a_record_seen_before_changes_nothing() -> None:
    jobs = observed(requested("a"), ev.AttemptScheduled(job_id="a", attempt=1))
    before = jobs.get("a")
    (again,) = recorded([ev.AttemptScheduled(job_id="a", attempt=1)], first=2)
    assert jobs.observe(again) is before
    assert jobs.sequence == 2


def test_those_that_wait_lie_apart_by_priority_until_they_move() -> None:
    urgent = replace(requested("u"), priority="high")
    asked = [requested("a"), requested("b"), requested("c"), urgent]
    jobs = observed(*asked, ev.AttemptScheduled(job_id="b", attempt=1), ev.JobCancelRequested(job_id="a"))
    assert [job.job_id for job in jobs.waiting("normal")] == ["c"]
    assert [job.job_id for job in jobs.waiting("high")] == ["u"]
    assert [job.job_id for job in jobs.moving] == ["a", "b"]
    (end,) = recorded([ev.JobCancelled(job_id="a")], first=7)
    jobs.observe(end)
    assert [job.job_id for job in jobs.moving] == ["b"]
    again = LiveJobs(jobs.state)
    assert (again.moving, list(again.waiting("normal"))) == (jobs.moving, list(jobs.waiting("normal")))
