"""Which job may be archived, purely: from its records and the time to what is to be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from events.catalogue import JobArchived
from events.job import fold
from events.recorded import Unreadable
from events.state import Job

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from events.recorded import Recorded


class Archivable(msgspec.Struct, frozen=True, kw_only=True):
    """The job has ended for good: its events can go to a file."""

    job: Job


class Unfinished(msgspec.Struct, frozen=True, kw_only=True):
    """Its events are in a file already, says `mark` at `sequence`, and still in the log."""

    mark: JobArchived
    sequence: int


Reason: TypeAlias = Literal["young", "not ended", "unreadable", "webhooks due"]
"""Why a job stays: it ended too short a time ago; it has not ended, whatever an event says; there is
something of it that nobody can read; webhooks about it are still to be made."""


def judge(
    records: Sequence[Recorded], *, before: datetime, webhooks_at: int | None
) -> Archivable | Unfinished | Reason:
    """What is to be done with a job, given all its records.

    Webhooks are made of events up to `webhooks_at` (None: of all of them, or there are none).
    """
    for record in records:
        if isinstance(record.event, JobArchived):
            return Unfinished(mark=record.event, sequence=record.sequence)
    if any(isinstance(record.event, Unreadable) for record in records):
        return "unreadable"
    job = fold(records)
    if job is None or not job.has_ended or job.completed_at is None:
        return "not ended"
    if job.completed_at >= before:
        return "young"
    if webhooks_at is not None and job.sequence > webhooks_at:
        return "webhooks due"
    return Archivable(job=job)
