"""What an agent says, as the events that an executor would write of it: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from msgspec.structs import asdict

from events import catalogue as ev
from events import progress

if TYPE_CHECKING:
    from collections.abc import Sequence


def event_of(message: progress.Message, *, job_id: str, artifacts: Sequence[ev.Artifact] = ()) -> ev.Event:
    """The event of a job's first attempt that says what `message` says; `artifacts` are a success's files."""
    match message:
        case progress.StageStarted():
            return ev.StageStarted(job_id=job_id, attempt=1, **asdict(message))
        case progress.StageProgressed():
            return ev.StageProgressed(job_id=job_id, attempt=1, **asdict(message))
        case progress.StageCompleted():
            return ev.StageCompleted(job_id=job_id, attempt=1, **asdict(message))
        case progress.ModelEvaluated():
            return ev.ModelEvaluated(job_id=job_id, attempt=1, **asdict(message))
        case progress.LlmCalled():
            return ev.LlmCallCompleted(job_id=job_id, attempt=1, **asdict(message))
        case progress.Submitted():
            return ev.SubmissionUploaded(job_id=job_id, attempt=1, **asdict(message))
        case progress.Succeeded():
            return ev.AttemptSucceeded(
                job_id=job_id,
                attempt=1,
                task=message.task,
                metric=message.metric,
                maximize=message.maximize,
                score=message.score,
                fold_scores=message.fold_scores,
                artifacts=tuple(artifacts),
            )
        case progress.Failed():
            return ev.AttemptFailed(
                job_id=job_id,
                attempt=1,
                reason=message.reason,
                message=message.message,
                retryable=message.retryable,
            )
        case _:
            assert_never(message)


def end_of(message: progress.Succeeded | progress.Failed, *, job_id: str) -> ev.Event:
    """How a job of one attempt ends after the agent's last word."""
    if isinstance(message, progress.Succeeded):
        return ev.JobSucceeded(job_id=job_id, attempt=1)
    return ev.JobFailed(job_id=job_id, reason=message.reason, message=message.message)
