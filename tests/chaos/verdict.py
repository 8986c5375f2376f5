"""The judge, pure: everything in a history that must not be.

It counts places and attempts by the events' names alone, so that an error in `events.job` cannot hide one
in a service.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from events import catalogue as ev
from events.job import fold
from events.recorded import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from events.recorded import Recorded
    from tests.chaos.history import History, Mark

_JOB_ENDS: Final = (ev.JobSucceeded, ev.JobFailed, ev.JobCancelled)
_ATTEMPT_ENDS: Final = (ev.AttemptSucceeded, ev.AttemptFailed, ev.AttemptLost)
_OF_EXECUTOR: Final = (
    ev.StageStarted,
    ev.StageProgressed,
    ev.StageCompleted,
    ev.ModelEvaluated,
    ev.LlmCallCompleted,
    *_ATTEMPT_ENDS,
)
_CLOCK_S: Final = 0.2
"""A process that is told to end may beat once more; file systems round the time."""


def judge(history: History, *, running_max: int) -> list[str]:
    """What is wrong with a run, a line each; nothing where all is well."""
    return [
        *_losses(history),
        *_log(history.records, running_max),
        *(() if history.marks is None else _marks(history.marks, history.records)),
        *_rows(history),
        *_watchers(history),
    ]


def by_job(records: Sequence[Recorded]) -> dict[str, list[Recorded]]:
    """The records of each job, in order."""
    found: dict[str, list[Recorded]] = defaultdict(list)
    for record in records:
        found[record.event.job_id].append(record)
    return found


def most_at_once(records: Sequence[Recorded]) -> int:
    """How many attempts had a place at the fullest moment."""
    places = _Places(len(records))
    for record in records:
        for _ in places.take_in(record):
            pass
    return places.most


def _losses(history: History) -> Iterator[str]:
    jobs = by_job(history.records)
    for job_id in history.accepted - jobs.keys():
        yield f"{job_id} was accepted and is not in the log"
    for job_id in jobs.keys() - history.accepted:
        yield f"{job_id} is in the log twice over: nobody was told of it"
    for job_id, records in jobs.items():
        ends = [type(record.event).__name__ for record in records if isinstance(record.event, _JOB_ENDS)]
        if len(ends) != 1:
            yield f"{job_id} has {len(ends)} ends: {ends}"


class _Places:
    """Who runs, by the log: who has a place under the cap, and what became of it."""

    def __init__(self, running_max: int) -> None:
        self._running_max = running_max
        self._active: dict[str, int] = {}
        self._numbers: Counter[str] = Counter()
        self._started: set[tuple[str, int]] = set()
        self._over: set[str] = set()
        self.most = 0

    def take_in(self, record: Recorded) -> Iterator[str]:
        """What is wrong with the next event of the log."""
        event, job_id = record.event, record.event.job_id
        match event:
            case Unreadable():
                yield "it cannot be read"
            case ev.AttemptScheduled() if job_id not in self._over:
                yield from self._scheduled(job_id, event.attempt)
            case ev.AttemptStarted():
                if self._active.get(job_id) != event.attempt or (job_id, event.attempt) in self._started:
                    yield f"attempt {event.attempt} may not start (again)"
                self._started.add((job_id, event.attempt))
            case _ if isinstance(event, _OF_EXECUTOR) and self._active.get(job_id) != event.attempt:
                yield f"a late word of attempt {event.attempt}"
        if isinstance(event, (*_ATTEMPT_ENDS, *_JOB_ENDS)):
            self._active.pop(job_id, None)
        if isinstance(event, _JOB_ENDS):
            self._over.add(job_id)

    def _scheduled(self, job_id: str, attempt: int) -> Iterator[str]:
        if job_id in self._active:
            yield f"attempt {self._active[job_id]} is not over"
        if attempt != self._numbers[job_id] + 1:
            yield f"attempt {attempt} comes after {self._numbers[job_id]}"
        self._active[job_id] = self._numbers[job_id] = attempt
        self.most = max(self.most, len(self._active))
        if len(self._active) > self._running_max:
            yield f"{len(self._active)} attempts run at once"


def _log(records: Sequence[Recorded], running_max: int) -> Iterator[str]:
    places = _Places(running_max)
    for record in records:
        event = record.event
        for words in places.take_in(record):
            yield f"{record.sequence} {type(event).__name__} of {event.job_id}: {words}"


def _marks(marks: Sequence[Mark], records: Sequence[Recorded]) -> Iterator[str]:
    """No attempt had two processes; two attempts of a job lived at once only where the first was lost."""
    lost = {(e.job_id, e.attempt) for r in records if isinstance(e := r.event, ev.AttemptLost)}
    won = {(e.job_id, e.attempt) for r in records if isinstance(e := r.event, ev.AttemptSucceeded)}
    began = {(e.job_id, e.attempt) for r in records if isinstance(e := r.event, ev.AttemptStarted)}
    of_job: dict[str, list[Mark]] = defaultdict(list)
    for mark in sorted(marks, key=lambda mark: mark.began_s):
        if (mark.job_id, mark.attempt) not in began:
            yield f"attempt {mark.attempt} of {mark.job_id} ran and is not in the log"
        for earlier in of_job[mark.job_id]:
            if earlier.attempt == mark.attempt:
                yield f"attempt {mark.attempt} of {mark.job_id} was run twice"
            elif earlier.last_s > mark.began_s + _CLOCK_S and (mark.job_id, earlier.attempt) not in lost:
                yield f"attempts {earlier.attempt} and {mark.attempt} of {mark.job_id} ran at once"
        of_job[mark.job_id].append(mark)
    finished = {(mark.job_id, mark.attempt) for mark in marks if mark.finished}
    for job_id, attempt in won - finished:
        yield f"attempt {attempt} of {job_id} succeeded, but its agent did not finish"


def _rows(history: History) -> Iterator[str]:
    jobs = by_job(history.records)
    for job_id in history.rows.keys() - jobs.keys():
        yield f"{job_id} has a row and no events"
    for job_id, records in jobs.items():
        if history.rows.get(job_id) != fold(records):
            yield f"the row of {job_id} is not the fold of its events"


def _watchers(history: History) -> Iterator[str]:
    jobs = by_job(history.records)
    for job_id in sorted(history.accepted & jobs.keys()):
        seen, told = history.seen.get(job_id, []), []
        for record in jobs[job_id]:
            told.append(record.sequence)
            if isinstance(record.event, _JOB_ENDS):
                break
        if seen != told:
            missed, extra = sorted(set(told) - set(seen)), len(seen) - len(set(seen))
            yield f"the watcher of {job_id} missed {missed[:5]}, saw {extra} twice, or saw them out of order"
