"""From events to rows, purely: what a batch makes of the jobs it is about, and how a job lies in the table.

The table keeps a whole `events.job.Job` as JSON, so that a fold can go on where an earlier one stopped.
"""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from events.job import Job, evolve
from events.recorded import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from events.recorded import Recorded

SUBMISSION: Final = "submission.csv"

_NUL: Final = "\x00"
_STAND_IN: Final = "\ufffd"

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Job)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `jobs`, column by column (see ``sql/0001_jobs.sql``); `metadata` is JSON."""

    job_id: UUID
    kaggle_url: str
    competition_name: str
    status: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    attempt: int
    submission_path: str | None
    error_message: str | None
    metadata: str
    sequence: int
    dollars: float


def unfoldable(records: Iterable[Recorded], keys: Mapping[str, UUID]) -> list[tuple[int, str]]:
    """The sequences of those that no row can come of, each with the reason; `keys` are those of `keys_of`."""
    found = []
    for record in records:
        if isinstance(record.event, Unreadable):
            found.append((record.sequence, record.event.reason))
        elif record.event.job_id not in keys:
            found.append((record.sequence, f"the id of its job is no UUID: {record.event.job_id!r}"))
    return found


def keys_of(records: Iterable[Recorded]) -> dict[str, UUID]:
    """The primary key of each job that the events are of; a job whose id is no UUID can have no row."""
    keys = {}
    for job_id in {record.event.job_id for record in records}:
        with contextlib.suppress(ValueError):
            keys[job_id] = UUID(job_id)
    return keys


def project(
    jobs: Mapping[UUID, Job], records: Iterable[Recorded], keys: Mapping[str, UUID]
) -> dict[UUID, Job]:
    """The jobs that the events changed, as they are after them; `jobs` are those known before.

    An event of a job that has no key is left out.
    """
    changed: dict[UUID, Job] = {}
    for record in records:
        key = keys.get(record.event.job_id)
        if key is None:
            continue
        before = changed.get(key) or jobs.get(key)
        after = evolve(before, record)
        if after is not None and after is not before:
            changed[key] = after
    return changed


def row_of(key: UUID, job: Job) -> Row:
    """The job as the table holds it."""
    failure = job.failure or (job.current.failure if job.current else None)
    artifacts = job.result.artifacts if job.result else ()
    submission = next((artifact.key for artifact in artifacts if artifact.name == SUBMISSION), None)
    return Row(
        job_id=key,
        kaggle_url=_storable(job.kaggle_url),
        competition_name=_storable(job.competition),
        status=job.status,
        created_at=job.created_at,
        started_at=job.started_at,
        completed_at=job.completed_at,
        attempt=job.current.number if job.current else 0,
        submission_path=_storable(submission) if submission else None,
        error_message=_storable(failure.message) if failure else None,
        metadata=encode(job),
        sequence=job.sequence,
        dollars=job.dollars,
    )


def encode(job: Job) -> str:
    """The job as JSON that Postgres takes: it has no NUL in a text, so U+FFFD stands in for one."""
    document = _encoder.encode(job).decode()
    if "\\u0000" not in document:
        return document
    # In pairs a backslash stands for itself; what comes after a pair is no escape.
    return "\\\\".join(part.replace("\\u0000", _STAND_IN) for part in document.split("\\\\"))


def decode(document: str) -> Job:
    """The job in a row's `metadata`."""
    return _decoder.decode(document)


def _storable(text: str) -> str:
    return text.replace(_NUL, _STAND_IN)
