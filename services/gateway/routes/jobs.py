# ruff: noqa: TC001 - Litestar reads annotations as the program runs
"""Jobs as they are now: one, many, and the wish to end one."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from litestar import delete, get
from litestar.params import QueryParameter

from events.job import JobStatus
from services.gateway.access import GivenCaller, asks
from services.gateway.cancel import request_cancel
from services.gateway.jobs_table import TableError, Wanted
from services.gateway.lookup import JOB_ID_SCHEMA, GivenJobId, checked_id, find_job, job_at
from services.gateway.parts import GivenParts
from services.gateway.problems import FieldError, Problem, protected, read_only, unavailable
from services.gateway.view import TAG_PATTERN, JobPage, JobView, summary_of, view_of

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
SLUG_PATTERN: Final = "^[A-Za-z0-9-]{1,100}$"


@get(
    ["/status/{job_id:str}", "/jobs/{job_id:str}"],
    summary="Show a job",
    opt=asks("read"),
    responses=protected(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE),
)
async def status(
    job_id: GivenJobId,
    parts: GivenParts,
    at: Annotated[
        int | None, QueryParameter(ge=1, description="As it was after the event of this sequence.")
    ] = None,
) -> JobView:
    """Everything there is to know of a job, now or at an earlier moment of the log."""
    job_id = checked_id(job_id)
    return view_of(await find_job(job_id, parts) if at is None else await job_at(job_id, at, parts.link))


@get(
    "/jobs",
    summary="List jobs",
    opt=asks("read"),
    responses=protected(HTTPStatus.BAD_REQUEST),
)
async def job_list(
    parts: GivenParts,
    caller: GivenCaller,
    *,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="So many at most.")] = 50,
    before: Annotated[
        str | None,
        QueryParameter(description="Only jobs older than the one with this id.", schema_extra=JOB_ID_SCHEMA),
    ] = None,
    status: Annotated[JobStatus | None, QueryParameter(description="Only jobs of this status.")] = None,
    competition: Annotated[
        str | None, QueryParameter(pattern=SLUG_PATTERN, description="Only jobs of this competition.")
    ] = None,
    search: Annotated[
        str | None,
        QueryParameter(
            pattern=SLUG_PATTERN, description="Only jobs of competitions with this in their name."
        ),
    ] = None,
    tag: Annotated[
        str | None, QueryParameter(pattern=TAG_PATTERN, description="Only jobs with this tag.")
    ] = None,
    since: Annotated[
        str | None, QueryParameter(description="Only jobs made then or later (RFC 3339).", format="date-time")
    ] = None,
    until: Annotated[
        str | None, QueryParameter(description="Only jobs made before then (RFC 3339).", format="date-time")
    ] = None,
) -> JobPage:
    """Jobs, the newest first, a page at a time; with an API key, those that were asked for with it.

    New jobs do not move the pages: the next one begins where this one ended.
    """
    wanted = Wanted(
        owner=caller.only_of,
        before=None if before is None else checked_id(before),
        status=status,
        competition=competition.lower() if competition else None,
        search=search.lower() if search else None,
        tag=tag,
        since=_moment("since", since),
        until=_moment("until", until),
    )
    try:
        sequence = await parts.table.checkpoint()
        found = await parts.table.page(wanted, limit=limit + 1)
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
    opt=asks("cancel"),
    responses=protected(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def cancel(job_id: GivenJobId, parts: GivenParts) -> JobView:
    """Ask for a job to end.  It ends a little later, as its events will tell; asking twice does no harm."""
    if parts.settings.read_only:
        raise read_only()
    return view_of(await request_cancel(parts.link, checked_id(job_id)))


def _moment(name: str, given: str | None) -> datetime | None:
    """The time in UTC.

    Raises:
        Problem: 400, it is no time with an offset, or is out of reach.
    """
    if given is None:
        return None
    try:
        return msgspec.convert(given, _Moment).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError) as error:  # The first and the last day of all years.
        raise _no_moment(name) from error


def _no_moment(name: str) -> Problem:
    message = "give a time with its offset, such as 2026-01-31T12:00:00Z"
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "invalid-parameter",
        f"{name}: {message}",
        errors=[FieldError(field=name, message=message)],
    )
