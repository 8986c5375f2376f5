"""One job by its id: from the table, or folded from the log where the table is behind or away."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import structlog
from litestar.params import PathParameter

from events.catalogue import JobArchived
from events.job import fold
from events.log import UnavailableError
from services.gateway.job_id import parse_job_id
from services.gateway.jobs_table import TableError
from services.gateway.problems import Problem, archived, no_such_job

if TYPE_CHECKING:
    from events.job import Job
    from events.log import Log
    from events.recorded import Recorded
    from services.gateway.jobs_table import JobsTable
    from services.gateway.parts import Parts

JOB_ID_SCHEMA: Final = {"pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"}
"""For the OpenAPI document: what `checked_id` takes."""

GivenJobId: TypeAlias = Annotated[str, PathParameter(description="A UUID.", schema_extra=JOB_ID_SCHEMA)]
"""How a handler asks for the id in its path; it is still to be checked."""

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


async def find_job(job_id: str, parts: Parts) -> Job:
    """The job as it is now: from the table where its row is known to be the newest, else from the log.

    A row of a job that has ended is final.  Should the log not answer, an old row is better than none.

    Raises:
        Problem: 404, there is no such job.
        UnavailableError: neither table nor log answered.
    """
    row = await _row(job_id, parts.table)
    if row is not None and (row.has_ended or row.sequence == parts.hub.newest(job_id)):
        return row
    try:
        job = fold(await parts.link.read_job(job_id))
    except UnavailableError:
        if row is None:
            raise
        return row
    if job is None:
        raise no_such_job(job_id)
    return job


async def history_of(job_id: str, log: Log) -> list[Recorded]:
    """All events of a job so far, at least one.

    Raises:
        Problem: 404, there is no such job; 410, its events were archived.
        UnavailableError: the log did not answer.
    """
    records = await log.read_job(job_id)
    if not records:
        raise no_such_job(job_id)
    if isinstance(mark := records[0].event, JobArchived):
        raise archived(mark)
    return records


async def job_at(job_id: str, sequence: int, log: Log) -> Job:
    """The job as it was after the event with that sequence, or the last one before it, of any job.

    Raises:
        Problem: 404, there was no such job then; 410, its events were archived.
        UnavailableError: the log did not answer.
    """
    records = await history_of(job_id, log)
    job = fold(record for record in records if record.sequence <= sequence)
    if job is None:
        raise no_such_job(job_id)
    return job


async def _row(job_id: str, table: JobsTable) -> Job | None:
    try:
        return await table.find(job_id)
    except TableError as error:
        _log.warning("table_away", error=str(error))
        return None
