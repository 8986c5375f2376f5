"""One job by its id: from the table, or folded from the log where the table has no answer."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from events.job import fold
from services.gateway.job_id import parse_job_id
from services.gateway.jobs_table import TableError
from services.gateway.problems import Problem, no_such_job

if TYPE_CHECKING:
    from events.job import Job
    from events.log import Log
    from services.gateway.jobs_table import JobsTable

_log = structlog.get_logger(__name__)


def checked_id(text: str) -> str:
    """The id in its stored form, bound to this request's log lines.

    Raises:
        Problem: 400, it is not a UUID.
    """
    job_id = parse_job_id(text)
    if job_id is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "invalid-job-id", "The id of a job is a UUID.")
    structlog.contextvars.bind_contextvars(job_id=job_id)
    return job_id


async def find_job(job_id: str, *, table: JobsTable, log: Log) -> Job:
    """The job as the table knows it (it may lag by a moment), else as the log does.

    Raises:
        Problem: 404, there is no such job.
        UnavailableError: neither table nor log answered.
    """
    try:
        job = await table.find(job_id)
    except TableError as error:
        _log.warning("table_away", error=str(error))
        job = None
    job = job or fold(await log.read_job(job_id))
    if job is None:
        raise no_such_job(job_id)
    return job
