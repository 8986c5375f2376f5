"""The jobs that have not ended, folded from the whole log: what the scheduler and an executor look at.

Memory is bounded by live jobs, not by history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from events.job import Job, evolve

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    """

    def __init__(self, state: LiveState | None = None) -> None:
        begun = state or LiveState()
        self._jobs: dict[str, Job] = {job.job_id: job for job in begun.jobs}
        self._event_id = begun.event_id
        self.sequence = begun.sequence

    def observe(self, record: Recorded) -> Job | None:
        """Take in one event; the job after it, or None for one that had ended before or is unknown."""
        if record.sequence <= self.sequence:
            return self._jobs.get(record.event.job_id)
        self.sequence, self._event_id = record.sequence, record.event_id
        job = evolve(self._jobs.get(record.event.job_id), record)
        if job is None:
            return None
        if job.has_ended:
            self._jobs.pop(job.job_id, None)
        else:
            self._jobs[job.job_id] = job
        return job

    @property
    def state(self) -> LiveState:
        """What another one can go on from."""
        return LiveState(sequence=self.sequence, event_id=self._event_id, jobs=tuple(self))

    def get(self, job_id: str) -> Job | None:
        """The live job with that id."""
        return self._jobs.get(job_id)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def __len__(self) -> int:
        return len(self._jobs)
