"""A job's events as plain lines, for pipes and logs; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.durations import show_duration
from cli.views import disk_words, score_words
from events import catalogue as ev
from events.recorded import Unreadable

if TYPE_CHECKING:
    from datetime import datetime

    from events.recorded import Recorded
    from services.gateway.view import JobPage, JobView


def event_line(record: Recorded, *, created_at: datetime) -> str | None:
    """What happened, after how long; None for an event that has no words here."""
    event = record.event
    if isinstance(event, Unreadable):
        words: str | None = f"{event.event_type} that cannot be read: {event.reason}"
    else:
        words = _of_stage(event) or _of_attempt(event) or _of_job(event)
    elapsed = show_duration((record.time - created_at).total_seconds())
    return f"{elapsed:>7}  {words}" if words else None


def _of_stage(event: ev.Event) -> str | None:
    match event:
        case ev.StageStarted():
            return f"{event.stage}: started"
        case ev.StageProgressed():
            return f"{event.stage}: {event.fraction:.0%} {event.message}"
        case ev.StageCompleted():
            return f"{event.stage}: done. {event.summary}"
        case ev.ModelEvaluated():
            return f"model {event.model}: {event.metric} {score_words(event.score, event.fold_scores)}"
        case ev.SubmissionUploaded():
            return f"submitted to Kaggle: {event.message}"
        case ev.EgressRefused():
            return f"egress refused: {event.what}"
        case ev.LlmCallCompleted():
            return f"call to {event.model} ({event.purpose}): ${event.dollars:.4f}"
        case _:
            return None


def _of_attempt(event: ev.Event) -> str | None:
    match event:
        case ev.AttemptScheduled():
            return f"attempt {event.attempt} scheduled"
        case ev.AttemptStarted():
            return "; ".join([f"attempt {event.attempt} runs ({event.runtime})", *event.notes])
        case ev.AttemptFailed():
            return f"attempt {event.attempt} failed ({event.reason}): {event.message}"
        case ev.AttemptLost():
            return f"attempt {event.attempt} lost: executor {event.executor} is silent"
        case ev.RetryScheduled():
            return f"attempt {event.attempt} follows at {event.not_before:%H:%M:%S} UTC"
        case ev.AttemptSucceeded():
            return f"submission: {event.metric} {score_words(event.score, event.fold_scores)}"
        case _:
            return None


def _of_job(event: ev.Event) -> str | None:
    match event:
        case ev.JobRequested():
            return f"requested: {event.kaggle_url} as job {event.job_id}"
        case ev.JobCancelRequested():
            return "somebody asked for the job to be cancelled"
        case ev.JobSucceeded():
            return "job succeeded"
        case ev.JobFailed():
            return f"job failed ({event.reason}): {event.message}"
        case ev.JobCancelled():
            return "job cancelled"
        case ev.JobArchived():
            return f"events archived: {event.file}"
        case _:
            return None


def result_lines(view: JobView, *, gateway_url: str) -> list[str]:
    """How a job stands, a fact a line."""
    lines = [f"job {view.job_id}", f"competition {view.competition}", f"status {view.status}"]
    if view.stage and view.status == "running":
        lines.append(f"stage {view.stage}")
    if view.score is not None:
        lines.append(f"score {view.metric} {score_words(view.score, view.fold_scores)}")
    if disk := disk_words(view):
        lines.append(f"disk {disk}")
    if view.error is not None:
        lines.append(f"error {view.error.reason}: {view.error.message}")
    if view.archive is not None:
        lines.append(f"events {view.archive.events:,} in {view.archive.file}")
    return lines + [f"file {gateway_url}{artifact.url}" for artifact in view.artifacts]


def job_lines(page: JobPage) -> list[str]:
    """Jobs with tabs between their fields, the newest first."""
    return [
        "\t".join(
            (
                job.job_id,
                job.competition,
                job.status,
                "" if job.score is None else f"{job.metric} {job.score:.5g}",
                job.created_at.isoformat(),
            )
        )
        for job in page.jobs
    ]
