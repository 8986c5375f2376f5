"""A job as the gateway shows it: pure, from the fold of a job to what goes over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from events.catalogue import Priority, Source
from events.job import AttemptStatus, JobStatus, ModelScore, StageState, Submission
from events.progress import Stage
from events.state import Archive

if TYPE_CHECKING:
    from events.job import Attempt, Failure, Job

TAG_PATTERN: Final = "^[A-Za-z0-9_.:-]{1,40}$"
"""What a tag of a job looks like."""


class ErrorView(msgspec.Struct, frozen=True, kw_only=True):
    """Why something did not get there: a short stable code, and words for a person."""

    reason: str
    message: str


class ArtifactView(msgspec.Struct, frozen=True, kw_only=True):
    """A file that the job made, and the path of this server it is served at."""

    name: str
    url: str
    bytes: int
    sha256: str


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of the job; `dollars` is what its calls to a language model cost.

    `budget_s` is how long it is to take: what was asked for, or the executor's default.
    `disk_bytes_peak` is the most that its files were seen to take on the executor's disk, known at its end.
    """

    number: int
    status: AttemptStatus
    scheduled_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    executor: str | None
    runtime: str | None
    budget_s: int | None
    notes: tuple[str, ...]
    llm_calls: int
    dollars: float
    disk_bytes_peak: int | None
    error: ErrorView | None


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything there is to know of a job; `owner` is the id of the API key that it was asked for with.

    `attempt` is the number of the latest attempt (0 before the first), whose stages, models and
    submission to Kaggle follow;
    `stage` is the one it is in.  `score` and `fold_scores` are the competition's `metric` over
    out-of-fold rows, known once the job has succeeded.  `error` says why the job failed, or why it is
    to be retried at `not_before`.  `archive` says in what file its events are, where the log holds them no
    more.  `archive` says in
    what file its events are, where the log holds them no more.  `sequence` is that of the last event that
    this view has seen.
    """

    job_id: str
    competition: str
    source: Source
    kaggle_url: str
    budget_s: int | None
    priority: Priority
    submitter: str | None
    time_limit_s: int | None
    tags: tuple[str, ...]
    owner: str | None
    webhook_url: str | None
    webhook_stages: bool
    submit: bool
    dollars_max: float | None
    status: JobStatus
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    not_before: datetime | None
    attempt: int
    stage: Stage | None
    stages: tuple[StageState, ...]
    models: tuple[ModelScore, ...]
    submission: Submission | None
    task: str | None
    metric: str | None
    maximize: bool | None
    score: float | None
    fold_scores: tuple[float, ...]
    dollars: float
    artifacts: tuple[ArtifactView, ...]
    error: ErrorView | None
    attempts: tuple[AttemptView, ...]
    archive: Archive | None
    sequence: int
    status_url: str
    events_url: str


class JobSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A job as one line of a list; the fields are those of `JobView`."""

    job_id: str
    competition: str
    tags: tuple[str, ...]
    status: JobStatus
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    attempt: int
    stage: Stage | None
    metric: str | None
    score: float | None
    dollars: float
    error: ErrorView | None
    status_url: str


class JobPage(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs, the newest first; `next_before` is the `before` of the next page, None on the last one.

    `sequence` is a place in the log: what happened up to there, the jobs have in them.
    """

    jobs: tuple[JobSummary, ...]
    next_before: str | None
    sequence: int


def status_url(job_id: str) -> str:
    """Where a job is shown."""
    return f"/status/{job_id}"


def events_url(job_id: str) -> str:
    """Where a job's events are streamed."""
    return f"/jobs/{job_id}/events"


def view_of(job: Job) -> JobView:
    """All of a job."""
    attempt, result = job.current, job.result
    return JobView(
        job_id=job.job_id,
        competition=job.competition,
        source=job.source,
        kaggle_url=job.kaggle_url,
        budget_s=job.budget_s,
        priority=job.priority,
        submitter=job.submitter,
        time_limit_s=job.time_limit_s,
        tags=job.tags,
        owner=job.owner,
        webhook_url=job.webhook_url,
        webhook_stages=job.webhook_stages,
        submit=job.submit,
        dollars_max=job.dollars_max,
        status=job.status,
        cancel_requested=job.cancel_requested,
        created_at=job.created_at,
        started_at=job.started_at,
        completed_at=job.completed_at,
        not_before=job.not_before,
        attempt=len(job.attempts),
        stage=_stage_of(attempt),
        stages=attempt.stages if attempt else (),
        models=attempt.models if attempt else (),
        submission=attempt.submission if attempt else None,
        task=result.task if result else None,
        metric=result.metric if result else None,
        maximize=result.maximize if result else None,
        score=result.score if result else None,
        fold_scores=result.fold_scores if result else (),
        dollars=job.dollars,
        artifacts=_artifacts(job),
        error=_error_of(job),
        attempts=tuple(_attempt_view(one) for one in job.attempts),
        archive=job.archive,
        sequence=job.sequence,
        status_url=status_url(job.job_id),
        events_url=events_url(job.job_id),
    )


def summary_of(job: Job) -> JobSummary:
    """A job in short."""
    return JobSummary(
        job_id=job.job_id,
        competition=job.competition,
        tags=job.tags,
        status=job.status,
        cancel_requested=job.cancel_requested,
        created_at=job.created_at,
        started_at=job.started_at,
        completed_at=job.completed_at,
        attempt=len(job.attempts),
        stage=_stage_of(job.current),
        metric=job.result.metric if job.result else None,
        score=job.result.score if job.result else None,
        dollars=job.dollars,
        error=_error_of(job),
        status_url=status_url(job.job_id),
    )


def _stage_of(attempt: Attempt | None) -> Stage | None:
    return attempt.stages[-1].stage if attempt and attempt.stages else None


def _artifacts(job: Job) -> tuple[ArtifactView, ...]:
    return tuple(
        ArtifactView(
            name=artifact.name,
            url=f"/jobs/{job.job_id}/files/{quote(artifact.name, safe='')}",
            bytes=artifact.bytes,
            sha256=artifact.sha256,
        )
        for artifact in (job.result.artifacts if job.result else ())
    )


def _error_of(job: Job) -> ErrorView | None:
    if job.status == "retrying" and job.current:
        return _error_view(job.current.failure)
    return _error_view(job.failure)


def _error_view(failure: Failure | None) -> ErrorView | None:
    return ErrorView(reason=failure.reason, message=failure.message) if failure else None


def _attempt_view(attempt: Attempt) -> AttemptView:
    return AttemptView(
        number=attempt.number,
        status=attempt.status,
        scheduled_at=attempt.scheduled_at,
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        executor=attempt.executor,
        runtime=attempt.runtime,
        budget_s=attempt.budget_s,
        notes=attempt.notes,
        llm_calls=attempt.llm_calls,
        dollars=attempt.dollars,
        disk_bytes_peak=attempt.disk_bytes_peak,
        error=_error_view(attempt.failure),
    )
