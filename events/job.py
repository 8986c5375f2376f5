"""The fold of one job: from its events to what it is now.

`evolve` is total: it never raises on recorded history, and an event that does not count (of an attempt
that is over or has not begun, of a job that has ended) changes nothing but the sequence.  That is the
fence against a dead executor's late words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, assert_never

from msgspec.structs import replace

from events import catalogue as ev
from events.recorded import Unreadable
from events.state import (
    ENDED,
    Archive,
    Attempt,
    AttemptStatus,
    Failure,
    Job,
    JobStatus,
    ModelScore,
    Result,
    StageState,
    Submission,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from events.recorded import Recorded

__all__ = [  # what a fold is made of and comes to
    "ENDED",
    "Attempt",
    "AttemptStatus",
    "Failure",
    "Job",
    "JobStatus",
    "ModelScore",
    "Result",
    "StageState",
    "Submission",
]


def fold(records: Iterable[Recorded], job: Job | None = None) -> Job | None:
    """The job after all the records, None where they hold no `JobRequested`."""
    for record in records:
        job = evolve(job, record)
    return job


def evolve(job: Job | None, record: Recorded) -> Job | None:
    """The job after one more event; applying an event twice is the same as once."""
    event = record.event
    if job is not None and record.sequence <= job.sequence:
        return job
    if isinstance(event, ev.JobArchived):
        return _archived(job, event, record)
    if job is None:
        return _requested(event, record) if isinstance(event, ev.JobRequested) else None
    seen = replace(job, sequence=record.sequence)
    return seen if job.has_ended else _apply(seen, record)


def request_of(job: Job) -> ev.JobRequested:
    """What the job began with: each thing that was asked for is a field of the job by the same name."""
    asked = ev.JobRequested.__struct_fields__
    return ev.JobRequested(**{name: getattr(job, name) for name in asked if name != "version"})


def _archived(job: Job | None, event: ev.JobArchived, record: Recorded) -> Job | None:
    """The job as the archive tells it, unless its end was seen: the rest may be gone before a reader came."""
    known = job if job is not None and job.has_ended else event.job
    if not known.has_ended or known.job_id != event.job_id:
        return replace(job, sequence=record.sequence) if job else None
    archive = Archive(file=event.file, sha256=event.sha256, events=event.events, at=record.time)
    return replace(known, sequence=record.sequence, archive=archive)


def _requested(event: ev.JobRequested, record: Recorded) -> Job:
    return Job(
        job_id=event.job_id,
        competition=event.competition,
        source=event.source,
        kaggle_url=event.kaggle_url,
        budget_s=event.budget_s,
        status="queued",
        requested_sequence=record.sequence,
        sequence=record.sequence,
        created_at=record.time,
        priority=event.priority,
        submitter=event.submitter,
        time_limit_s=event.time_limit_s,
        tags=event.tags,
        owner=event.owner,
        webhook_url=event.webhook_url,
        webhook_stages=event.webhook_stages,
        submit=event.submit,
        dollars_max=event.dollars_max,
    )


def _apply(job: Job, record: Recorded) -> Job:
    event, at = record.event, record.time
    match event:
        case ev.JobRequested() | ev.JobArchived() | Unreadable():
            return job
        case ev.JobCancelRequested():
            return replace(job, cancel_requested=True)
        case ev.RetryScheduled():
            return replace(job, status="retrying", not_before=event.not_before)
        case ev.JobSucceeded():
            return replace(job, status="success", completed_at=at)
        case ev.JobFailed():
            failure = Failure(reason=event.reason, message=event.message, retryable=False)
            return replace(job, status="failed", completed_at=at, failure=failure)
        case ev.JobCancelled():
            return replace(job, status="cancelled", completed_at=at)
        case ev.AttemptScheduled():
            return _scheduled(job, event, at)
        case _:
            return _attempt_event(job, event, at)


def _scheduled(job: Job, event: ev.AttemptScheduled, at: datetime) -> Job:
    busy = job.current is not None and job.current.is_active
    if busy or event.attempt != len(job.attempts) + 1:
        return job
    attempt = Attempt(number=event.attempt, status="scheduled", scheduled_at=at)
    return replace(job, status="queued", not_before=None, attempts=(*job.attempts, attempt))


_AttemptEvent: TypeAlias = (
    ev.AttemptStarted
    | ev.StageStarted
    | ev.StageProgressed
    | ev.StageCompleted
    | ev.ModelEvaluated
    | ev.LlmCallCompleted
    | ev.SubmissionUploaded
    | ev.EgressRefused
    | ev.AttemptSucceeded
    | ev.AttemptFailed
    | ev.AttemptLost
)


def _attempt_event(job: Job, event: _AttemptEvent, at: datetime) -> Job:
    attempt = job.current
    expected = "scheduled" if isinstance(event, ev.AttemptStarted) else "running"
    if attempt is None or attempt.number != event.attempt or attempt.status != expected:
        return job
    changed = replace(job, attempts=(*job.attempts[:-1], _evolve_attempt(attempt, event, at)))
    if isinstance(event, ev.AttemptStarted):
        return replace(changed, status="running", started_at=job.started_at or at)
    return changed


def _evolve_attempt(attempt: Attempt, event: _AttemptEvent, at: datetime) -> Attempt:
    match event:
        case ev.AttemptStarted():
            return replace(
                attempt,
                status="running",
                started_at=at,
                executor=event.executor,
                runtime=event.runtime,
                budget_s=event.budget_s,
                notes=event.notes,
            )
        case ev.StageStarted() | ev.StageProgressed() | ev.StageCompleted():
            return replace(attempt, stages=_evolve_stages(attempt.stages, event, at))
        case ev.ModelEvaluated():
            return replace(attempt, models=(*attempt.models, _score_of(event)))
        case ev.LlmCallCompleted():
            dollars = attempt.dollars + event.dollars
            return replace(attempt, llm_calls=attempt.llm_calls + 1, dollars=dollars)
        case ev.SubmissionUploaded():
            submission = Submission(
                outcome=event.outcome, public_score=event.public_score, message=event.message
            )
            return replace(attempt, submission=submission)
        case ev.EgressRefused():
            return attempt
        case ev.AttemptSucceeded():
            ended = replace(attempt, ended_at=at, disk_bytes_peak=event.disk_bytes_peak)
            return replace(ended, status="succeeded", result=_result_of(event))
        case ev.AttemptFailed():
            failure = Failure(reason=event.reason, message=event.message, retryable=event.retryable)
            ended = replace(attempt, ended_at=at, disk_bytes_peak=event.disk_bytes_peak)
            return replace(ended, status="failed", failure=failure)
        case ev.AttemptLost():
            failure = _lost_as(event)
            return replace(attempt, status="lost", ended_at=at, failure=failure)
        case _:
            assert_never(event)


def _lost_as(event: ev.AttemptLost) -> Failure:
    if event.left:
        message = f"Executor {event.executor} was stopped, and not back for {event.silent_s:.0f} s."
        return Failure(reason="executor_left", message=message, retryable=True)
    message = f"Executor {event.executor} was silent for {event.silent_s:.0f} s."
    return Failure(reason="executor_lost", message=message, retryable=True)


_StageEvent: TypeAlias = ev.StageStarted | ev.StageProgressed | ev.StageCompleted


def _evolve_stages(
    stages: tuple[StageState, ...], event: _StageEvent, at: datetime
) -> tuple[StageState, ...]:
    new = StageState(stage=event.stage, fraction=0.0, message="", started_at=at)
    known = next((stage for stage in stages if stage.stage == event.stage), new)
    match event:
        case ev.StageStarted():
            changed = known
        case ev.StageProgressed():
            changed = replace(known, fraction=event.fraction, message=event.message)
        case ev.StageCompleted():
            changed = replace(known, fraction=1.0, message=event.summary, completed_at=at)
        case _:
            assert_never(event)
    return (*(stage for stage in stages if stage.stage != event.stage), changed)


def _score_of(event: ev.ModelEvaluated) -> ModelScore:
    return ModelScore(
        model=event.model,
        metric=event.metric,
        maximize=event.maximize,
        score=event.score,
        fold_scores=event.fold_scores,
    )


def _result_of(event: ev.AttemptSucceeded) -> Result:
    return Result(
        task=event.task,
        metric=event.metric,
        maximize=event.maximize,
        score=event.score,
        fold_scores=event.fold_scores,
        artifacts=event.artifacts,
    )
