"""Histories to measure with: many jobs as they really go, a few of them running at a time."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING
from uuid import UUID

from events import catalogue as ev
from events.progress import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

_RUNNING = 10


def histories(*, events: int, seed: int = 1) -> Iterator[ev.Event]:
    """So many events of jobs that run ten at a time, each about thirty events long."""
    dice = random.Random(seed)
    running: list[Iterator[ev.Event]] = []
    told = 0
    while told < events:
        while len(running) < _RUNNING:
            running.append(job(str(UUID(int=dice.getrandbits(128), version=4)), dice))
        story = dice.choice(running)
        event = next(story, None)
        if event is None:
            running.remove(story)
            continue
        told += 1
        yield event


def job(job_id: str, dice: random.Random) -> Iterator[ev.Event]:
    """One job, from its request to its success; one in five loses its first attempt."""
    yield ev.JobRequested(
        job_id=job_id,
        competition="hourly-bike-rental-demand",
        source="kaggle",
        kaggle_url="https://www.kaggle.com/competitions/hourly-bike-rental-demand",
        budget_s=900,
    )
    attempts = 2 if dice.random() < 0.2 else 1
    if attempts == 2:
        yield ev.AttemptScheduled(job_id=job_id, attempt=1)
        yield _started(job_id, 1)
        yield from _analysis(job_id, 1)
        yield ev.AttemptLost(job_id=job_id, attempt=1, executor="host-1", silent_s=15.0)
    yield ev.AttemptScheduled(job_id=job_id, attempt=attempts)
    yield _started(job_id, attempts)
    yield from _analysis(job_id, attempts)
    for stage in STAGES[1:]:
        yield from _stage(job_id, attempts, stage, dice)
    yield _succeeded(job_id, attempts, dice)
    yield ev.JobSucceeded(job_id=job_id, attempt=attempts)


def _started(job_id: str, attempt: int) -> ev.Event:
    return ev.AttemptStarted(
        job_id=job_id,
        attempt=attempt,
        executor="host-1",
        runtime="docker",
        cpus=2.0,
        memory_bytes=4 << 30,
        notes=("2 CPUs instead of 4: the host has no more.",),
    )


def _analysis(job_id: str, attempt: int) -> Iterator[ev.Event]:
    yield ev.StageStarted(job_id=job_id, attempt=attempt, stage="analysis")
    yield ev.StageCompleted(
        job_id=job_id,
        attempt=attempt,
        stage="analysis",
        summary="Regression on `count` by RMSLE: 10,886 rows, 9 features, split by time.",
    )


def _stage(job_id: str, attempt: int, stage: ev.Stage, dice: random.Random) -> Iterator[ev.Event]:
    yield ev.StageStarted(job_id=job_id, attempt=attempt, stage=stage)
    for step in range(1, 4):
        message = f"Step {step} of 3: trying 12 sets of parameters on 5 folds"
        yield ev.StageProgressed(
            job_id=job_id, attempt=attempt, stage=stage, fraction=step / 4, message=message
        )
    if stage == "training":
        for model in ("lightgbm", "xgboost", "ridge", "blend"):
            yield _evaluated(job_id, attempt, model, dice)
    else:
        yield ev.LlmCallCompleted(
            job_id=job_id,
            attempt=attempt,
            model="a-model",
            purpose=stage,
            input_tokens=4000,
            output_tokens=dice.randrange(3000),
            cache_read_tokens=0,
            cache_write_tokens=0,
            dollars=dice.random() / 10,
            duration_ms=9000,
        )
    yield ev.StageCompleted(job_id=job_id, attempt=attempt, stage=stage, summary="All of it was done.")


def _evaluated(job_id: str, attempt: int, model: str, dice: random.Random) -> ev.Event:
    folds = tuple(dice.random() for _ in range(5))
    return ev.ModelEvaluated(
        job_id=job_id,
        attempt=attempt,
        model=model,
        metric="rmsle",
        maximize=False,
        score=sum(folds) / 5,
        fold_scores=folds,
    )


def _succeeded(job_id: str, attempt: int, dice: random.Random) -> ev.Event:
    names = ("submission.csv", "solution.py", "report.html", "attempt.log")
    artifacts = tuple(
        ev.Artifact(
            name=name, key=f"{job_id}/{attempt}/{name}", bytes=50_000, sha256=f"{dice.getrandbits(256):064x}"
        )
        for name in names
    )
    return ev.AttemptSucceeded(
        job_id=job_id,
        attempt=attempt,
        task="regression",
        metric="rmsle",
        maximize=False,
        score=0.41,
        fold_scores=(0.4, 0.41, 0.42, 0.4, 0.42),
        artifacts=artifacts,
    )
