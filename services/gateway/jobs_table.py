"""The table `jobs` as the gateway reads it: each row holds the whole folded job as JSON."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec
from msgspec.structs import asdict

from events.job import Job, JobStatus
from services.gateway import statistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.gateway.statistics import Busy, Stats
    from services.gateway.view_room import Room

_ONE: Final = "SELECT metadata FROM jobs WHERE job_id = $1"
_PAGE: Final = "SELECT metadata FROM jobs {} ORDER BY created_at DESC, job_id DESC LIMIT $1"
# From one name to the next by the index: there are few names among many jobs.
_NAMES_WITH: Final = """
    WITH RECURSIVE names (name) AS (
        (SELECT competition_name FROM jobs ORDER BY competition_name LIMIT 1)
        UNION ALL
        SELECT (SELECT competition_name FROM jobs WHERE competition_name > name
                ORDER BY competition_name LIMIT 1)
        FROM names WHERE name IS NOT NULL
    ) SELECT name FROM names WHERE strpos(name, {}) > 0
"""
_CONDITIONS: Final = {
    "owner": "owner = {}",
    "before": "(created_at, job_id) < (SELECT created_at, job_id FROM jobs WHERE job_id = {}::uuid)",
    "status": "status = {}",
    "competition": "competition_name = {}",
    "search": f"competition_name IN ({_NAMES_WITH})",
    "tag": "tags @> to_jsonb(ARRAY[{}::text])",
    "since": "created_at >= {}",
    "until": "created_at < {}",
}
"""What each field of a `Wanted` asks of a row."""

_IS_THEIRS: Final = "EXISTS (SELECT FROM jobs WHERE job_id = {before}::uuid AND owner = {owner})"
"""A page after a job of somebody else's is as empty as one after no job at all."""

_CHECKPOINT: Final = (
    "SELECT coalesce(max(sequence), 0) AS sequence FROM projection_checkpoint WHERE name = 'jobs'"
)
# The last of them comes where the server has ended an idle connection and a query is sent on it.
_LOST: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_ANSWER_S: Final = 1.0
_STATISTICS_S: Final = 5.0
_CONNECTIONS_MAX: Final = 8

_decoder = msgspec.json.Decoder(Job)


class TableError(Exception):
    """Postgres did not answer in time, or not with jobs: the log still knows."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs are asked for: what is None does not matter.

    `owner` is the id of the API key that a job was asked for with; `before` is the id of a job: only older
    ones; `since` (included) and `until` (left out) bound `created_at`; `search` is a part of the
    competition's name.
    """

    owner: str | None = None
    before: str | None = None
    status: JobStatus | None = None
    competition: str | None = None
    search: str | None = None
    tag: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class JobsTable:
    """Reads rows over a pool that connects when first used and again after every outage."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Make the pool; no connection yet, so Postgres may be away."""
        self._pool = await asyncpg.create_pool(
            self._url, min_size=0, max_size=_CONNECTIONS_MAX, timeout=_ANSWER_S, command_timeout=_ANSWER_S
        )

    async def close(self) -> None:
        """Drop the connections."""
        if self._pool is not None:
            self._pool.terminate()

    async def find(self, job_id: str) -> Job | None:
        """The job with that id, None where there is no row (yet).

        Raises:
            TableError: no answer within a second.
        """
        rows = await self._fetch(_ONE, job_id)
        return _job_of(rows[0]) if rows else None

    async def page(self, wanted: Wanted, *, limit: int) -> list[Job]:
        """Jobs that are wanted, the newest first; none where there is no job with the id `before`.

        Raises:
            TableError: no answer within a second.
        """
        query, values = _page_query(wanted)
        return [_job_of(row) for row in await self._fetch(query, limit, *values)]

    async def checkpoint(self) -> int:
        """A place in the log: every event up to it is in whatever is read from now on (0: none for sure).

        Raises:
            TableError: no answer within a second.
        """
        sequence: int = (await self._fetch(_CHECKPOINT))[0]["sequence"]
        return sequence

    async def stats(self, *, now: datetime, owner: str | None, room: Room) -> Stats:
        """All jobs of an owner as a whole; those of everybody where `owner` is None.  `room` is passed on.

        Raises:
            TableError: no answer within five seconds.
        """
        query, more = (statistics.ALL, ()) if owner is None else (statistics.OF_OWNER, (owner,))
        rows = await self._fetch(query, now, *more, within_s=_STATISTICS_S)
        return statistics.stats_of(rows[0], now=now, room=room)

    async def busy(self, *, now: datetime) -> Busy:
        """What waits and runs.

        Raises:
            TableError: no answer within a second.
        """
        return statistics.busy_of((await self._fetch(statistics.BUSY, now))[0])

    async def check(self) -> None:
        """Ask for nothing.

        Raises:
            TableError: no answer within a second.
        """
        await self._fetch("SELECT 1")

    async def _fetch(self, query: str, *values: Any, within_s: float = _ANSWER_S) -> Sequence[asyncpg.Record]:
        if self._pool is None:
            raise TableError("Postgres is not connected")
        try:
            async with asyncio.timeout(within_s):
                return await self._pool.fetch(query, *values, timeout=within_s)
        except (*_LOST, OSError, TimeoutError) as error:
            raise TableError(f"Postgres: {error!r}") from error


def _page_query(wanted: Wanted) -> tuple[str, list[Any]]:
    """The query for a page and its values past the limit, with no condition that holds for every row.

    A plan for "no matter which, or this one" could use no index.
    """
    given = {name: value for name, value in asdict(wanted).items() if value is not None}
    places = {name: f"${place}" for place, name in enumerate(given, start=2)}
    conditions = [_CONDITIONS[name].format(place) for name, place in places.items()]
    if "owner" in places and "before" in places:
        conditions.append(_IS_THEIRS.format(before=places["before"], owner=places["owner"]))
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return _PAGE.format(where), list(given.values())


def _job_of(row: asyncpg.Record) -> Job:
    try:
        return _decoder.decode(row["metadata"])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise TableError(f"a row of jobs is not a job: {error}") from error
