"""Histories for tests: a job's events given as plain events, told as the log would tell them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from events.catalogue import JobRequested
from events.job import fold
from events.recorded import Recorded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from events.catalogue import Event
    from events.job import Job

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def requested(job_id: str = "j1") -> JobRequested:
    """A request for a local competition."""
    return JobRequested(job_id=job_id, competition="c", source="local", kaggle_url="local:c")


def recorded(events: Iterable[Event], *, first: int = 1) -> list[Recorded]:
    """The events as records, one a second from `START`, with sequences from `first` up."""
    return [
        Recorded(
            sequence=sequence,
            event_id=f"e{sequence}",
            source="test",
            time=START + timedelta(seconds=sequence),
            event=event,
        )
        for sequence, event in enumerate(events, first)
    ]


def job_after(*events: Event, job_id: str = "j1") -> Job:
    """The job that was requested and to which the events then happened."""
    job = fold(recorded([requested(job_id), *events]))
    assert job is not None
    return job
