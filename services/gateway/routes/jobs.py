# ruff: noqa: TC001 - Litestar reads annotations as the program runs
"""Jobs as they are now: one, many, and the wish to end one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from litestar import delete, get
from litestar.params import FromPath, QueryParameter

from events.job import JobStatus
from services.gateway.cancel import request_cancel
from services.gateway.jobs_table import TableError
from services.gateway.lookup import checked_id, find_job
from services.gateway.parts import GivenParts
from services.gateway.problems import documented, read_only, unavailable
from services.gateway.view import JobPage, JobView, summary_of, view_of


@get(
    ["/status/{job_id:str}", "/jobs/{job_id:str}"],
    summary="Show a job",
    responses=documented(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def status(job_id: FromPath[str], parts: GivenParts) -> JobView:
    """Everything there is to know of a job."""
    return view_of(await find_job(checked_id(job_id), parts))


@get(
    "/jobs",
    summary="List jobs",
    responses=documented(HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def job_list(
    parts: GivenParts,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="So many at most.")] = 50,
    before: Annotated[
        str | None, QueryParameter(description="Only jobs older than the one with this id.")
    ] = None,
    status: Annotated[JobStatus | None, QueryParameter(description="Only jobs of this status.")] = None,
) -> JobPage:
    """Jobs, the newest first, a page at a time."""
    cursor = checked_id(before) if before else None
    try:
        sequence = await parts.table.checkpoint()
        found = await parts.table.page(before=cursor, status=status, limit=limit + 1)
    except TableError as error:
        raise unavailable(
            "The table of jobs does not answer; a single job can still be asked for."
        ) from error
    page = found[:limit]
    more = len(found) > limit
    return JobPage(
        jobs=tuple(summary_of(job) for job in page),
        next_before=page[-1].job_id if more else None,
        sequence=sequence,
    )


@delete(
    "/jobs/{job_id:str}",
    status_code=HTTPStatus.ACCEPTED,
    summary="Cancel a job",
    responses=documented(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def cancel(job_id: FromPath[str], parts: GivenParts) -> JobView:
    """Ask for a job to end.  It ends a little later, as its events will tell; asking twice does no harm."""
    if parts.settings.read_only:
        raise read_only()
    return view_of(await request_cancel(parts.link, checked_id(job_id)))
