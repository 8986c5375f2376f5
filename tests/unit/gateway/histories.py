"""Events of one job, as an executor and a scheduler would write them."""

from __future__ import annotations

from datetime import UTC, datetime

from events import catalogue as ev

JOB = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
SUBMISSION = ev.Artifact(name="submission.csv", key=f"{JOB}/2/submission.csv", bytes=3, sha256="ab")
ODD = ev.Artifact(name="a b/ü.png", key=f"{JOB}/2/odd", bytes=4, sha256="cd")


def started(attempt: int) -> list[ev.Event]:
    return [
        ev.AttemptScheduled(job_id=JOB, attempt=attempt),
        ev.AttemptStarted(
            job_id=JOB, attempt=attempt, executor="x", runtime="docker", cpus=2, memory_bytes=1
        ),
        ev.StageStarted(job_id=JOB, attempt=attempt, stage="analysis"),
        ev.LlmCallCompleted(
            job_id=JOB,
            attempt=attempt,
            model="m",
            purpose="plan",
            input_tokens=1,
            output_tokens=1,
            cache_read_tokens=0,
            cache_write_tokens=0,
            dollars=0.25,
            duration_ms=1,
        ),
    ]


def failed_once() -> list[ev.Event]:
    return [
        *started(1),
        ev.AttemptFailed(job_id=JOB, attempt=1, reason="oom", message="No memory.", retryable=True),
        ev.RetryScheduled(job_id=JOB, attempt=2, not_before=datetime(2026, 1, 1, 13, tzinfo=UTC)),
    ]


def succeeded() -> list[ev.Event]:
    return [
        *failed_once(),
        *started(2),
        ev.ModelEvaluated(
            job_id=JOB, attempt=2, model="lgbm", metric="rmse", maximize=False, score=0.4, fold_scores=(0.4,)
        ),
        ev.AttemptSucceeded(
            job_id=JOB,
            attempt=2,
            task="regression",
            metric="rmse",
            maximize=False,
            score=0.3,
            fold_scores=(0.2, 0.4),
            artifacts=(SUBMISSION, ODD),
        ),
        ev.JobSucceeded(job_id=JOB, attempt=2),
    ]
