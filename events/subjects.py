"""The names of things in NATS: the stream of record, the subjects of events, the heartbeat, the bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from events.catalogue import Event

STREAM: Final = "JOBS"
ALL_EVENTS: Final = "jobs.>"
ARTIFACT_BUCKET: Final = "artifacts"
HEARTBEATS: Final = "podium.heartbeat.*"


def of_event(event: Event) -> str:
    """``jobs.<job_id>.<event_type>``."""
    return f"jobs.{event.job_id}.{type(event).__name__}"


def of_job(job_id: str) -> str:
    """Every event of one job."""
    return f"jobs.{job_id}.>"


def of_type(event_type: type[Event]) -> str:
    """Every event of one type, over all jobs."""
    return f"jobs.*.{event_type.__name__}"


def heartbeat_of(executor: str) -> str:
    """Where an executor says that it lives (core NATS, not stored)."""
    return f"podium.heartbeat.{executor}"
