"""Ask for a job to end: read, decide, append; and again where somebody else wrote in between."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from events.catalogue import JobCancelRequested
from events.job import fold
from events.log import ConflictError, JobAt, UnavailableError
from services.gateway.problems import Problem, no_such_job

if TYPE_CHECKING:
    from events.job import Job
    from events.log import Log

_TRIES: Final = 10


async def request_cancel(log: Log, job_id: str) -> Job:
    """The job with its cancellation asked for; asking twice writes once.

    Raises:
        Problem: 404 for an unknown job, 409 for one that has ended.
        UnavailableError: the log did not answer, or others wrote faster than we could decide.
    """
    for _ in range(_TRIES):
        job = fold(await log.read_job(job_id))
        if job is None:
            raise no_such_job(job_id)
        if job.has_ended:
            raise Problem(HTTPStatus.CONFLICT, "job-has-ended", f"The job has ended already: {job.status}.")
        if job.cancel_requested:
            return job
        try:
            sequence = await log.append(
                JobCancelRequested(job_id=job_id), expect=JobAt(sequence=job.sequence)
            )
        except ConflictError:
            continue
        return replace(job, cancel_requested=True, sequence=sequence)
    raise UnavailableError(f"lost the race for {job_id} {_TRIES} times")
