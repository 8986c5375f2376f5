"""What a receiver is told, and how it knows that it is from us.  Pure.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from events.catalogue import JobCancelled, JobFailed, JobSucceeded, StageCompleted, StageStarted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.job import Job
    from events.recorded import Recorded

END_TYPES: Final = (JobSucceeded, JobFailed, JobCancelled)
STAGE_TYPES: Final = (StageStarted, StageCompleted)

StageEvent: TypeAlias = StageStarted | StageCompleted

_KINDS: Final = {
    "JobSucceeded": "job.succeeded",
    "JobFailed": "job.failed",
    "JobCancelled": "job.cancelled",
    "StageStarted": "stage.started",
    "StageCompleted": "stage.completed",
}


class _File(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    bytes: int
    sha256: str


class _Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A job that has ended; `reason` and `message` say why it failed."""

    job_id: str
    sequence: int
    competition: str
    kaggle_url: str
    tags: tuple[str, ...]
    status: str
    created_at: datetime
    completed_at: datetime | None
    attempts: int
    metric: str | None
    maximize: bool | None
    score: float | None
    dollars: float
    files: tuple[_File, ...]
    reason: str | None
    message: str | None


def kind_of(record: Recorded) -> str:
    """The type that a receiver knows an event by."""
    return _KINDS[record.event_type]


def webhook_id_of(record: Recorded) -> str:
    """The id of the webhook about an event: however often that is read or sent, the same."""
    return f"msg_{record.event.job_id.replace('-', '')}_{record.sequence}"


def of_end(job: Job, record: Recorded) -> str:
    """The body about a job's end, after the event that ended it."""
    result, failure = job.result, job.failure
    data = _Ended(
        job_id=job.job_id,
        sequence=record.sequence,
        competition=job.competition,
        kaggle_url=job.kaggle_url,
        tags=job.tags,
        status=job.status,
        created_at=job.created_at,
        completed_at=job.completed_at,
        attempts=len(job.attempts),
        metric=result.metric if result else None,
        maximize=result.maximize if result else None,
        score=result.score if result else None,
        dollars=sum(attempt.dollars for attempt in job.attempts),
        files=tuple(
            _File(name=one.name, bytes=one.bytes, sha256=one.sha256)
            for one in (result.artifacts if result else ())
        ),
        reason=failure.reason if failure else None,
        message=failure.message if failure else None,
    )
    return _body(record, data)


def of_stage(event: StageEvent, record: Recorded) -> str:
    """The body about a stage that began or ended well."""
    data = {
        "job_id": event.job_id,
        "sequence": record.sequence,
        "attempt": event.attempt,
        "stage": event.stage,
        "summary": event.summary if isinstance(event, StageCompleted) else None,
    }
    return _body(record, data)


def headers_of(webhook_id: str, body: str, secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """The headers of one try: id, time, and a signature by each secret (``whsec_`` and base64)."""
    timestamp = str(int(now.timestamp()))
    signed = f"{webhook_id}.{timestamp}.{body}".encode()
    signatures = [_signature(secret, signed) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": "podium-webhooks",
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _body(record: Recorded, data: Any) -> str:
    content = {"type": kind_of(record), "timestamp": record.time, "data": data}
    return msgspec.json.encode(content).decode()
