"""The jobs that have not ended, folded from the whole log: what the scheduler and an executor look at.

Memory is bounded by live jobs, not by history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.job import evolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.job import Job
    from events.recorded import Recorded


class LiveJobs:
    """Live jobs by id, in the order of their requests.

    `sequence` is the last sequence seen, that of an event that cannot be read included: the broker counts it.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self.sequence = 0

    def observe(self, record: Recorded) -> Job | None:
        """Take in one event; the job after it, or None for one that had ended before or is unknown."""
        if record.sequence <= self.sequence:
            return self._jobs.get(record.event.job_id)
        self.sequence = record.sequence
        job = evolve(self._jobs.get(record.event.job_id), record)
        if job is None:
            return None
        if job.has_ended:
            self._jobs.pop(job.job_id, None)
        else:
            self._jobs[job.job_id] = job
        return job

    def get(self, job_id: str) -> Job | None:
        """The live job with that id."""
        return self._jobs.get(job_id)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def __len__(self) -> int:
        return len(self._jobs)
