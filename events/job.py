"""The fold of one job: from its events to what it is now.

`evolve` is total: it never raises on recorded history, and an event that does not count (of an attempt
that is over or has not begun, of a job that has ended) changes nothing but the sequence.  That is the
fence against a dead executor's late words.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from events import catalogue as ev
from events.catalogue import Artifact, Priority, Source
from events.progress import Stage, SubmissionOutcome
from events.recorded import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from events.recorded import Recorded

JobStatus: TypeAlias = Literal["queued", "running", "retrying", "success", "failed", "cancelled"]
AttemptStatus: TypeAlias = Literal["scheduled", "running", "succeeded", "failed", "lost"]

ENDED: Final[frozenset[JobStatus]] = frozenset({"success", "failed", "cancelled"})


class StageState(msgspec.Struct, frozen=True, kw_only=True):
    """One stage of an attempt: how far it is (0..1), its latest message, when it began and ended."""

    stage: Stage
    fraction: float
    message: str
    started_at: datetime
    completed_at: datetime | None = None


class ModelScore(msgspec.Struct, frozen=True, kw_only=True):
    """A model's score over its out-of-fold predictions, and on each fold alone."""

    model: str
    metric: str
    maximize: bool
    score: float
    fold_scores: tuple[float, ...]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a successful attempt made."""

    task: str
    metric: str
    maximize: bool
    score: float
    fold_scores: tuple[float, ...]
    artifacts: tuple[Artifact, ...]


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the answer at Kaggle; `public_score` is None where Kaggle told none."""

    outcome: SubmissionOutcome
    public_score: float | None
    message: str


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why an attempt or a job did not get there."""

    reason: str
    message: str
    retryable: bool


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of a job, numbered from 1."""

    number: int
    status: AttemptStatus
    scheduled_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    executor: str | None = None
    runtime: str | None = None
    budget_s: int | None = None
    notes: tuple[str, ...] = ()
    stages: tuple[StageState, ...] = ()
    models: tuple[ModelScore, ...] = ()
    llm_calls: int = 0
    dollars: float = 0.0
    submission: Submission | None = None
    disk_bytes_peak: int | None = None
    result: Result | None = None
    failure: Failure | None = None

    @property
    def is_active(self) -> bool:
        """It holds one of the places under the cap."""
        return self.status in {"scheduled", "running"}


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as its events left it; `sequence` is that of its last event, counted or not."""

    job_id: str
    competition: str
    source: Source
    kaggle_url: str
    budget_s: int | None
    status: JobStatus
    requested_sequence: int
    sequence: int
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    cancel_requested: bool = False
    not_before: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    failure: Failure | None = None
    priority: Priority = "normal"
    submitter: str | None = None
    time_limit_s: int | None = None
    tags: tuple[str, ...] = ()
    owner: str | None = None
    webhook_url: str | None = None
    webhook_stages: bool = False
    submit: bool = False
    dollars_max: float | None = None

    @property
    def current(self) -> Attempt | None:
        """The latest attempt, active or over."""
        return self.attempts[-1] if self.attempts else None

    @property
    def dollars(self) -> float:
        """What calls to a language model have cost in all attempts."""
        return sum(attempt.dollars for attempt in self.attempts)

    @property
    def has_ended(self) -> bool:
        """Nothing more will happen to it."""
        return self.status in ENDED

    @property
    def result(self) -> Result | None:
        """What the successful attempt made, once the job has succeeded."""
        return self.current.result if self.status == "success" and self.current else None


def fold(records: Iterable[Recorded], job: Job | None = None) -> Job | None:
    """The job after all the records, None where they hold no `JobRequested`."""
    for record in records:
        job = evolve(job, record)
    return job


def evolve(job: Job | None, record: Recorded) -> Job | None:
    """The job after one more event; applying an event twice is the same as once."""
    event = record.event
    if job is None:
        return _requested(event, record) if isinstance(event, ev.JobRequested) else None
    if record.sequence <= job.sequence:
        return job
    seen = replace(job, sequence=record.sequence)
    return seen if job.has_ended else _apply(seen, record)


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
        case ev.JobRequested() | Unreadable():
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
