"""Short jobs for a very long log: all that scheduler and projector do for a job, and few words between."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final
from uuid import UUID

from events import catalogue as ev
from events.recorded import Recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

LIVE: Final = 200
"""So many jobs live at a time, half of which run."""
EVENTS: Final = 9
"""Of each job."""

_BATCH: Final = 5000

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_FILES: Final = ("submission.csv", "solution.py", "report.html", "attempt.log")


def job_id(number: int) -> str:
    """Ids that grow with time, as the gateway's do."""
    return str(UUID(int=(number << 80) | 0x7000_8000_0000_0000_0000))


def requested(name: str) -> ev.Event:
    """How a job begins."""
    return ev.JobRequested(
        job_id=name,
        competition="hourly-bike-rental-demand",
        source="local",
        kaggle_url="local:hourly-bike-rental-demand",
        budget_s=900,
    )


def attempt(name: str) -> tuple[ev.Event, ...]:
    """What an executor says of its only attempt."""
    folds = (0.41, 0.42, 0.4, 0.41, 0.41)
    said = {"job_id": name, "attempt": 1}
    artifacts = tuple(
        ev.Artifact(name=file, key=f"{name}/1/{file}", bytes=50_000, sha256="0" * 64) for file in _FILES
    )
    return (
        ev.AttemptStarted(executor="host-1", runtime="docker", cpus=2.0, memory_bytes=4 << 30, **said),
        ev.StageStarted(stage="training", **said),
        ev.ModelEvaluated(
            model="lightgbm", metric="rmsle", maximize=False, score=0.41, fold_scores=folds, **said
        ),
        ev.StageProgressed(stage="training", fraction=0.5, message="Fold 3 of 5", **said),
        ev.StageCompleted(stage="training", summary="A blend of 2 models.", **said),
        ev.AttemptSucceeded(
            task="regression",
            metric="rmsle",
            maximize=False,
            score=0.41,
            fold_scores=folds,
            artifacts=artifacts,
            **said,
        ),
    )


def whole(number: int) -> Iterator[ev.Event]:
    """All of a job, in order."""
    name = job_id(number)
    yield requested(name)
    yield ev.AttemptScheduled(job_id=name, attempt=1)
    yield from attempt(name)
    yield ev.JobSucceeded(job_id=name, attempt=1)


def records(jobs: int) -> Iterator[Recorded]:
    """The log of so many jobs, `LIVE` of them side by side."""
    stories = map(whole, range(jobs))
    running = deque(islice(stories, LIVE))
    sequence = 0
    while running:
        story = running.popleft()
        event = next(story, None)
        if event is None:
            running.extend(islice(stories, 1))
            continue
        running.append(story)
        sequence += 1
        at = _START + timedelta(milliseconds=sequence)
        yield Recorded(
            sequence=sequence, event_id=f"{sequence:032x}", source="podium/bench", time=at, event=event
        )


def batches(told: Iterator[Recorded]) -> Iterator[tuple[Recorded, ...]]:
    """In portions, as a follower that has much to read gets them."""
    while taken := tuple(islice(told, _BATCH)):
        yield taken
