"""What a job is at a moment, as data alone: its attempts, their stages, models and results."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec

from events.progress import Stage, SubmissionOutcome

Source: TypeAlias = Literal["kaggle", "local"]
Priority: TypeAlias = Literal["low", "normal", "high"]
JobStatus: TypeAlias = Literal["queued", "running", "retrying", "success", "failed", "cancelled"]
AttemptStatus: TypeAlias = Literal["scheduled", "running", "succeeded", "failed", "lost"]

ENDED: Final[frozenset[JobStatus]] = frozenset({"success", "failed", "cancelled"})


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file that an attempt left, as stored: `key` in the object store, its size and its digest."""

    name: str
    key: str
    bytes: int
    sha256: str


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


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """Where the events of a job are that the log holds no more, and since when."""

    file: str
    sha256: str
    events: int
    at: datetime


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
    archive: Archive | None = None

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
