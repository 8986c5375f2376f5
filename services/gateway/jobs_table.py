"""The table `jobs` as the gateway reads it: each row holds the whole folded job as JSON."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec

from events.job import Job, JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

_ONE: Final = "SELECT metadata FROM jobs WHERE job_id = $1"
_PAGE: Final = """
    SELECT metadata FROM jobs
    WHERE ($1::uuid IS NULL
           OR (created_at, job_id) < (SELECT created_at, job_id FROM jobs WHERE job_id = $1))
      AND ($2::text IS NULL OR status = $2)
    ORDER BY created_at DESC, job_id DESC
    LIMIT $3
"""
_CHECKPOINT: Final = (
    "SELECT coalesce(max(sequence), 0) AS sequence FROM projection_checkpoint WHERE name = 'jobs'"
)
# The last of them comes where the server has ended an idle connection and a query is sent on it.
_LOST: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_ANSWER_S: Final = 1.0
_CONNECTIONS_MAX: Final = 8

_decoder = msgspec.json.Decoder(Job)


class TableError(Exception):
    """Postgres did not answer in time, or not with jobs: the log still knows."""


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

    async def page(self, *, before: str | None, status: JobStatus | None, limit: int) -> list[Job]:
        """Jobs older than the one with the id `before`, the newest first; none where there is no such job.

        Raises:
            TableError: no answer within a second.
        """
        return [_job_of(row) for row in await self._fetch(_PAGE, before, status, limit)]

    async def checkpoint(self) -> int:
        """A place in the log: every event up to it is in whatever is read from now on (0: none for sure).

        Raises:
            TableError: no answer within a second.
        """
        sequence: int = (await self._fetch(_CHECKPOINT))[0]["sequence"]
        return sequence

    async def check(self) -> None:
        """Ask for nothing.

        Raises:
            TableError: no answer within a second.
        """
        await self._fetch("SELECT 1")

    async def _fetch(self, query: str, *values: Any) -> Sequence[asyncpg.Record]:
        if self._pool is None:
            raise TableError("Postgres is not connected")
        try:
            async with asyncio.timeout(_ANSWER_S):
                return await self._pool.fetch(query, *values)
        except (*_LOST, OSError, TimeoutError) as error:
            raise TableError(f"Postgres: {error!r}") from error


def _job_of(row: asyncpg.Record) -> Job:
    try:
        return _decoder.decode(row["metadata"])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise TableError(f"a row of jobs is not a job: {error}") from error
