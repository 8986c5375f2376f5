"""One job's history for tests: two attempts, the second one successful."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from events import catalogue as ev
from events.recorded import Recorded

JOB = "01a20c66-580d-783f-93b8-7b330bca232d"
BEGAN_AT = datetime(2026, 1, 1, tzinfo=UTC)

_ARTIFACT = ev.Artifact(name="submission.csv", key=f"{JOB}/2/submission.csv", bytes=3, sha256="0" * 64)
_EVENTS: list[ev.Event] = [
    ev.JobRequested(job_id=JOB, competition="bikes", source="local", kaggle_url="local:bikes"),
    ev.AttemptScheduled(job_id=JOB, attempt=1),
    ev.AttemptStarted(
        job_id=JOB,
        attempt=1,
        executor="a",
        runtime="process",
        cpus=2,
        memory_bytes=1,
        notes=("no container",),
    ),
    ev.AttemptFailed(
        job_id=JOB,
        attempt=1,
        reason="out_of_memory",
        message="Too big.",
        retryable=True,
        disk_bytes_peak=2_500_000,
    ),
    ev.RetryScheduled(job_id=JOB, attempt=2, not_before=BEGAN_AT + timedelta(seconds=63)),
    ev.AttemptScheduled(job_id=JOB, attempt=2),
    ev.AttemptStarted(job_id=JOB, attempt=2, executor="a", runtime="docker", cpus=2, memory_bytes=1),
    ev.StageStarted(job_id=JOB, attempt=2, stage="analysis"),
    ev.StageCompleted(job_id=JOB, attempt=2, stage="analysis", summary="Regression, rmsle."),
    ev.StageStarted(job_id=JOB, attempt=2, stage="training"),
    ev.StageProgressed(job_id=JOB, attempt=2, stage="training", fraction=0.5, message="Fold [3] of 5"),
    ev.ModelEvaluated(
        job_id=JOB,
        attempt=2,
        model="lightgbm",
        metric="rmsle",
        maximize=False,
        score=0.41,
        fold_scores=(0.4, 0.42),
    ),
    ev.AttemptSucceeded(
        job_id=JOB,
        attempt=2,
        task="regression",
        metric="rmsle",
        maximize=False,
        score=0.4,
        fold_scores=(0.39, 0.41),
        artifacts=(_ARTIFACT,),
        disk_bytes_peak=1_000_000,
    ),
    ev.JobSucceeded(job_id=JOB, attempt=2),
]

HISTORY = [
    Recorded(
        sequence=10 * place,
        event_id="",
        source="gateway",
        time=BEGAN_AT + timedelta(seconds=place - 1),
        event=event,
    )
    for place, event in enumerate(_EVENTS, start=1)
]
