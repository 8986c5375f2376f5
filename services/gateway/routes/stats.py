# ruff: noqa: TC001 - Litestar reads annotations as the program runs
"""How the jobs are doing as a whole."""

from __future__ import annotations

from http import HTTPStatus

from litestar import get

from services.gateway.jobs_table import TableError
from services.gateway.parts import GivenParts
from services.gateway.problems import documented, unavailable
from services.gateway.statistics import Stats
from services.running import utc_now


@get("/stats", summary="Show statistics", responses=documented(HTTPStatus.SERVICE_UNAVAILABLE))
async def stats(parts: GivenParts) -> Stats:
    """What waits, runs and has ended, how long jobs wait and what they cost; times are in seconds.

    Of the last 24 hours where nothing else is said.
    """
    try:
        return await parts.table.stats(now=utc_now())
    except TableError as error:
        raise unavailable("The table of jobs does not answer; try again.") from error
