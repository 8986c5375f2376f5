# ruff: noqa: TC001 - Litestar reads annotations as the program runs
"""How the jobs are doing as a whole."""

from __future__ import annotations

from litestar import get

from services.gateway.access import GivenCaller, asks
from services.gateway.jobs_table import TableError
from services.gateway.parts import GivenParts
from services.gateway.problems import protected, unavailable
from services.gateway.statistics import Stats
from services.gateway.view_room import room_of
from services.running import utc_now


@get("/stats", summary="Show statistics", opt=asks("read"), responses=protected())
async def stats(parts: GivenParts, caller: GivenCaller) -> Stats:
    """What waits, runs and has ended, how long jobs wait and what they cost; times are in seconds.

    `room` is what all executors have.  The rest is of the last 24 hours where nothing else is said; with an
    API key, of the jobs that were asked for with it.
    """
    try:
        room = room_of(parts.executors.alive())
        return await parts.table.stats(now=utc_now(), owner=caller.only_of, room=room)
    except TableError as error:
        raise unavailable("The table of jobs does not answer; try again.") from error
