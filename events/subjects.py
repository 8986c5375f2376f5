"""The names of things in NATS: the streams of events and log lines, heartbeat, bucket, accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from events.catalogue import Event

STREAM: Final = "JOBS"
ALL_EVENTS: Final = "jobs.>"
DEAD_STREAM: Final = "DEAD_LETTERS"
ALL_DEAD: Final = "dead.>"
ARTIFACT_BUCKET: Final = "artifacts"
LOG_STREAM: Final = "LOGS"
ALL_LOGS: Final = "logs.>"
WEBHOOKS: Final = "webhooks"
"""The consumer of `STREAM` by which webhooks are made."""
HEARTBEATS: Final = "podium.heartbeat.*"
HEARTBEAT_S: Final = 2.0
"""So often an executor says that it lives."""
READERS_API: Final = "$JS.READERS.API"
"""By which the services reach the JetStream of the account for readers; see ``deploy/nats-accounts.conf``."""
LOG_API: Final = "$JS.PODIUM.API"
"""By which that account reaches the log."""
COPY_DELIVERY: Final = "copy"
"""Before the subjects by which the log is delivered to its copy."""


def of_event(event: Event) -> str:
    """``jobs.<job_id>.<event_type>``."""
    return f"jobs.{event.job_id}.{type(event).__name__}"


def of_job(job_id: str) -> str:
    """Every event of one job."""
    return f"jobs.{job_id}.>"


def of_type(event_type: type[Event]) -> str:
    """Every event of one type, over all jobs."""
    return f"jobs.*.{event_type.__name__}"


def job_and_type(subject: str) -> tuple[str, str]:
    """What an event's subject says: the job's id and the event's type; both empty where it says neither."""
    _, _, rest = subject.partition(".")
    job_id, dot, event_type = rest.partition(".")
    return (job_id, event_type) if dot else ("", "")


def dead(subject: str) -> str:
    """Where a message of that subject goes that cannot be folded."""
    return f"dead.{subject}"


def heartbeat_of(executor: str) -> str:
    """Where an executor says that it lives (core NATS, not stored)."""
    return f"podium.heartbeat.{executor}"


def logs_of(job_id: str) -> str:
    """The log lines of one job's attempts."""
    return f"logs.{job_id}"
