"""Jobs to look at: what an executor and a scheduler would have written of each, in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from events import catalogue as ev
from events.progress import STAGES
from services.gateway.job_id import new_job_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.catalogue import Artifact, Event
    from events.progress import Stage

MODELS = {"lightgbm": 0.8316, "xgboost": 0.8283, "ridge": 0.7991, "blend": 0.8361}
SAID: dict[Stage, tuple[str, str]] = {
    "analysis": ("Reading train.csv", "Binary classification of Survived by accuracy; 891 rows, 11 columns."),
    "planning": ("Choosing models", "LightGBM, XGBoost and ridge over 5 stratified folds, blended."),
    "codegen": ("Writing solution.py", "solution.py has 412 lines and runs on a sample of the rows."),
    "training": ("lightgbm, fold 3 of 5", "The blend scores 0.8361 accuracy over out-of-fold rows."),
}


def requested(slug: str, *, budget_s: int | None = 600) -> ev.JobRequested:
    url = f"https://www.kaggle.com/competitions/{slug}"
    return ev.JobRequested(
        job_id=new_job_id(), competition=slug, source="kaggle", kaggle_url=url, budget_s=budget_s
    )


def begun(job_id: str, attempt: int = 1) -> list[Event]:
    return [
        ev.AttemptScheduled(job_id=job_id, attempt=attempt),
        ev.AttemptStarted(
            job_id=job_id,
            attempt=attempt,
            executor="worker-1",
            runtime="docker",
            cpus=2,
            memory_bytes=4 << 30,
            budget_s=600,
            notes=("4 CPUs were asked for; this machine has 2.",),
        ),
    ]


def stage_of(job_id: str, stage: Stage, *, attempt: int = 1, until: float = 1.0) -> list[Event]:
    """A stage's events: to its end, or as far as a fraction of it."""
    message, summary = SAID[stage]
    events: list[Event] = [ev.StageStarted(job_id=job_id, attempt=attempt, stage=stage)]
    for step in range(1, 6):
        if step / 5 > until:
            return events
        events.append(
            ev.StageProgressed(
                job_id=job_id, attempt=attempt, stage=stage, fraction=step / 5 - 0.08, message=message
            )
        )
    return [*events, ev.StageCompleted(job_id=job_id, attempt=attempt, stage=stage, summary=summary)]


def scored(job_id: str, names: Sequence[str], *, attempt: int = 1) -> list[Event]:
    return [
        ev.ModelEvaluated(
            job_id=job_id,
            attempt=attempt,
            model=name,
            metric="accuracy",
            maximize=True,
            score=MODELS[name],
            fold_scores=tuple(
                MODELS[name] + step for step in (-0.013, 0.006, 0.021, -0.018 - MODELS[name] / 90, 0.004)
            ),
        )
        for name in names
    ]


def paid(job_id: str, *, attempt: int = 1) -> ev.LlmCallCompleted:
    return ev.LlmCallCompleted(
        job_id=job_id,
        attempt=attempt,
        model="claude-sonnet-5-5",
        purpose="plan",
        input_tokens=4210,
        output_tokens=880,
        cache_read_tokens=0,
        cache_write_tokens=0,
        dollars=0.0258,
        duration_ms=9120,
    )


def running(slug: str) -> list[Event]:
    request = requested(slug)
    job = request.job_id
    return [
        request,
        *begun(job),
        *stage_of(job, "analysis"),
        *stage_of(job, "planning"),
        paid(job),
        *stage_of(job, "codegen"),
        *stage_of(job, "training", until=0.6),
        *scored(job, ["lightgbm", "ridge"]),
    ]


def lost_once(slug: str) -> list[Event]:
    """Waits for its second attempt."""
    request = requested(slug)
    job = request.job_id
    return [
        request,
        *begun(job),
        *stage_of(job, "analysis", until=0.4),
        ev.AttemptFailed(
            job_id=job,
            attempt=1,
            reason="out_of_memory",
            message="The attempt needed more than its 4.3 GB of memory.",
            retryable=True,
        ),
        ev.RetryScheduled(job_id=job, attempt=2, not_before=datetime.now(UTC) + timedelta(seconds=58)),
    ]


def failed(slug: str) -> list[Event]:
    """Bad input: no second attempt could fare better."""
    message = f"The rules of {slug} are not accepted: open its page, press Join, and run the job again."
    request = requested(slug, budget_s=None)
    job = request.job_id
    return [
        request,
        *begun(job),
        *stage_of(job, "analysis", until=0.2),
        ev.AttemptFailed(
            job_id=job, attempt=1, reason="rules_not_accepted", message=message, retryable=False
        ),
        ev.JobFailed(job_id=job, reason="rules_not_accepted", message=message),
    ]


def finished(request: ev.JobRequested, artifacts: tuple[Artifact, ...]) -> list[Event]:
    job = request.job_id
    return [
        request,
        *begun(job),
        *(event for stage in STAGES[:-1] for event in stage_of(job, stage)),
        paid(job),
        *stage_of(job, "training")[:-1],
        *scored(job, list(MODELS)),
        stage_of(job, "training")[-1],
        ev.AttemptSucceeded(
            job_id=job,
            attempt=1,
            task="binary_classification",
            metric="accuracy",
            maximize=True,
            score=MODELS["blend"],
            fold_scores=(0.82, 0.84, 0.85, 0.81, 0.84),
            artifacts=artifacts,
        ),
        ev.JobSucceeded(job_id=job, attempt=1),
    ]


def cancelled(slug: str) -> list[Event]:
    request = requested(slug)
    return [
        request,
        ev.JobCancelRequested(job_id=request.job_id),
        ev.JobCancelled(job_id=request.job_id),
    ]
