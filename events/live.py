"""The jobs that have not ended, folded from the whole log: what the scheduler and an executor look at.

Memory is bounded by live jobs, not by history.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING

import msgspec

from events.job import Job, evolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.catalogue import Priority
    from events.recorded import Recorded


class LiveState(msgspec.Struct, frozen=True, kw_only=True):
    """All that a fold of live jobs knows: `jobs` in the order of their requests, after `sequence`.

    `event_id` is that of the event of that sequence, "" where it could not be read or there is none.
    """

    sequence: int = 0
    event_id: str = ""
    jobs: tuple[Job, ...] = ()


class LiveJobs:
    """Live jobs by id, in the order of their requests; goes on from `state` where one is given.

    `sequence` is the last sequence seen, that of an event that cannot be read included: the broker counts it.
    Those that wait for their first attempt, of which there may be a great many, lie apart from the few that
    move, so that nobody has to look at all of them for each event.
    """

    def __init__(self, state: LiveState | None = None) -> None:
        begun = state or LiveState()
        self._jobs: dict[str, Job] = {}
        self._moving: dict[str, Job] = {}
        # Not plain dicts: what is taken from the front of one is passed by each time that it is read.
        self._waiting: defaultdict[Priority, OrderedDict[str, Job]] = defaultdict(OrderedDict)
        for job in begun.jobs:
            self._put(job)
        self._event_id = begun.event_id
        self.sequence = begun.sequence

    def observe(self, record: Recorded) -> Job | None:
        """Take in one event; the job after it, or None for one that had ended before or is unknown."""
        if record.sequence <= self.sequence:
            return self._jobs.get(record.event.job_id)
        self.sequence, self._event_id = record.sequence, record.event_id
        job = evolve(self._jobs.get(record.event.job_id), record)
        if job is not None:
            self._put(job)
        return job

    @property
    def state(self) -> LiveState:
        """What another one can go on from."""
        return LiveState(sequence=self.sequence, event_id=self._event_id, jobs=tuple(self))

    @property
    def moving(self) -> list[Job]:
        """The live jobs that have been tried, or that somebody wants to end; the others wait."""
        return sorted(self._moving.values(), key=lambda job: job.requested_sequence)

    def waiting(self, priority: Priority) -> Iterator[Job]:
        """The live jobs of a priority that have not been tried, and that nobody wants to end."""
        return iter(self._waiting[priority].values())

    def get(self, job_id: str) -> Job | None:
        """The live job with that id."""
        return self._jobs.get(job_id)

    def _put(self, job: Job) -> None:
        """Let the job be where it belongs now; one that begins to move never waits again."""
        if job.has_ended:
            self._jobs.pop(job.job_id, None)
        else:
            self._jobs[job.job_id] = job
        if not (job.attempts or job.cancel_requested or job.has_ended):
            self._waiting[job.priority][job.job_id] = job
            return
        self._waiting[job.priority].pop(job.job_id, None)
        if job.has_ended:
            self._moving.pop(job.job_id, None)
        else:
            self._moving[job.job_id] = job

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def __len__(self) -> int:
        return len(self._jobs)
