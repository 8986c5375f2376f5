"""Every change of status that the fold can make, found by telling it each event in each of its states."""

from __future__ import annotations

from datetime import UTC, datetime
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args, get_origin

import msgspec

from events.catalogue import EVENT_TYPES, JobArchived, JobRequested
from events.job import evolve
from events.recorded import Recorded

if TYPE_CHECKING:
    from events.catalogue import Event
    from events.job import Job

Transition: TypeAlias = tuple[str, str, str]
"""Status before (`NOTHING` for a job or an attempt that was not there), event type, status after."""

NOTHING: Final = "[*]"

_ATTEMPTS_MAX: Final = 3
_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_SAMPLES: Final[dict[Any, Any]] = {str: "x", int: 1, float: 0.5, bool: True, datetime: _AT}


def explore() -> tuple[set[Transition], set[Transition]]:
    """The transitions of jobs, and those of attempts, over all histories of up to three attempts."""
    of_jobs: set[Transition] = set()
    of_attempts: set[Transition] = set()
    known: set[tuple[str, ...]] = set()
    waiting: list[Job | None] = [None]
    while waiting:
        before = waiting.pop()
        for event in _every_event(before):
            after = _told(before, event)
            if after is None or len(after.attempts) > _ATTEMPTS_MAX:
                continue
            name = type(event).__name__
            _note(of_jobs, [before.status] if before else [], name, [after.status])
            _note(of_attempts, _attempt_statuses(before), name, _attempt_statuses(after))
            state = (after.status, *_attempt_statuses(after))
            if state not in known:
                known.add(state)
                waiting.append(after)
    return of_jobs, of_attempts


def _note(transitions: set[Transition], before: list[str], name: str, after: list[str]) -> None:
    """Keep what changed in a row of statuses that can only grow at its end."""
    padded = [*before, *[NOTHING] * (len(after) - len(before))]
    transitions |= {(old, name, new) for old, new in zip(padded, after, strict=True) if old != new}


def _attempt_statuses(job: Job | None) -> list[str]:
    return [attempt.status for attempt in job.attempts] if job else []


def _told(job: Job | None, event: Event) -> Job | None:
    sequence = job.sequence + 1 if job else 1
    return evolve(job, Recorded(sequence=sequence, event_id="x", source="x", time=_AT, event=event))


def _every_event(job: Job | None) -> list[Event]:
    """One event of each type for the latest attempt, and one for the attempt after it."""
    if job is None:
        return [_sample(JobRequested, attempt=1)]
    latest = len(job.attempts)
    # An archived job is as it was: only where its events are has changed.
    kinds = [kind for kind in EVENT_TYPES if kind is not JobArchived]
    return [_sample(kind, attempt=attempt) for kind in kinds for attempt in (latest, latest + 1)]


def _sample(kind: type[Event], *, attempt: int) -> Event:
    fields = msgspec.structs.fields(kind)
    values = {field.name: _value(field.type) for field in fields}
    return kind(**(values | ({"attempt": attempt} if "attempt" in values else {})))


def _value(annotation: Any) -> Any:
    """Some value of a type that events have for their fields."""
    if annotation in _SAMPLES:
        return _SAMPLES[annotation]
    if get_origin(annotation) is Literal:
        return get_args(annotation)[0]
    if get_origin(annotation) is tuple:
        return ()
    if NoneType in get_args(annotation):
        return None
    return _value(get_args(annotation)[0])
