"""The rows in Postgres: a batch of events and the checkpoint past it are stored together or not at all.

Any number of projectors may run: each locks the checkpoint first and leaves out what another has folded in.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg
import structlog
from msgspec.structs import astuple

from services.projector.migrations import migrate
from services.projector.rows import Row, decode, keys_of, project, row_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from events.job import Job
    from events.recorded import Recorded

    Connection: TypeAlias = asyncpg.Connection[Any]

_NAME: Final = "jobs"
_CONNECT_S: Final = 10.0
_STATEMENT_S: Final = 60.0
_CLOSE_S: Final = 2.0

# The last of them comes where the server has ended an idle connection and a query is sent on it.
_LOST: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_BEGIN_AT_ZERO: Final = (
    "INSERT INTO projection_checkpoint (name, sequence) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING"
)
_CHECKPOINT: Final = "SELECT sequence FROM projection_checkpoint WHERE name = $1"
_LOCKED_CHECKPOINT: Final = f"{_CHECKPOINT} FOR UPDATE"
_MOVE_CHECKPOINT: Final = "UPDATE projection_checkpoint SET sequence = $2 WHERE name = $1"
_KNOWN: Final = "SELECT job_id, metadata FROM jobs WHERE job_id = ANY($1)"

_TYPES: Final = {
    "job_id": "uuid",
    "created_at": "timestamptz",
    "started_at": "timestamptz",
    "completed_at": "timestamptz",
    "attempt": "int",
    "metadata": "jsonb",
    "sequence": "bigint",
}
_COLUMNS: Final = Row.__struct_fields__
_UPSERT: Final = (
    f"INSERT INTO jobs ({', '.join(_COLUMNS)}) SELECT * FROM unnest("  # noqa: S608 (our own names)
    + ", ".join(f"${place}::{_TYPES.get(name, 'text')}[]" for place, name in enumerate(_COLUMNS, 1))
    + ") ON CONFLICT (job_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "job_id")
)

_log = structlog.get_logger(__name__)


class TableUnavailableError(Exception):
    """Postgres did not do it: it is away, or says why not.  Nothing was stored, or all; try again."""


class RewoundError(Exception):
    """The checkpoint lies before what was read so far: the rows are to be folded again from there."""


class JobTable:
    """The table `jobs` and its checkpoint, over one connection that is opened when it is needed."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._open: Connection | None = None

    async def checkpoint(self) -> int:
        """The last sequence that is folded in, 0 at first; brings the schema up to date before.

        Raises:
            TableUnavailableError: see there.
            MigrationError: the schema is not one that this version knows.
        """
        with self._translated():
            connection = await self._connection()
            await migrate(connection)
            await connection.execute(_BEGIN_AT_ZERO, _NAME)
            sequence: int = await connection.fetchval(_CHECKPOINT, _NAME)
            return sequence

    async def fold_in(self, records: Sequence[Recorded], *, after: int) -> int:
        """Fold events into the rows and return the checkpoint then; those behind it already are left out.

        `records` are all events of the log past `after`, in order, up to the last of them.

        Raises:
            RewoundError: somebody has set the checkpoint to before `after`.
            TableUnavailableError: see there; the same call again is safe.
        """
        with self._translated():
            connection = await self._connection()
            async with connection.transaction():
                at: int | None = await connection.fetchval(_LOCKED_CHECKPOINT, _NAME)
                if at is None or at < after:
                    raise RewoundError(f"the checkpoint is {at}, but events up to {after} were folded in")
                new = [record for record in records if record.sequence > at]
                if new:
                    at = new[-1].sequence
                    await self._store(connection, new)
                    await connection.execute(_MOVE_CHECKPOINT, _NAME, at)
                return at

    async def close(self) -> None:
        """End the connection, if there is one."""
        if self._open is not None:
            with contextlib.suppress(*_LOST, OSError, TimeoutError):
                await self._open.close(timeout=_CLOSE_S)
            self._open = None

    async def _store(self, connection: Connection, records: list[Recorded]) -> None:
        keys = keys_of(records)
        for record in records:
            if record.event.job_id not in keys:
                _log.error("job_without_row", job_id=record.event.job_id, sequence=record.sequence)
        known = await connection.fetch(_KNOWN, set(keys.values()))
        jobs: dict[UUID, Job] = {row["job_id"]: decode(row["metadata"]) for row in known}
        rows = [astuple(row_of(key, job)) for key, job in project(jobs, records, keys).items()]
        if rows:
            await connection.execute(_UPSERT, *zip(*rows, strict=True))

    async def _connection(self) -> Connection:
        if self._open is None or self._open.is_closed():
            self._open = await asyncpg.connect(
                self._url,
                timeout=_CONNECT_S,
                command_timeout=_STATEMENT_S,
                server_settings={"application_name": "podium-projector"},
            )
        return self._open

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """A connection on which something failed is never used again: what it still holds is not known."""
        try:
            yield
        except (*_LOST, OSError, TimeoutError) as error:
            if self._open is not None:
                self._open.terminate()
                self._open = None
            raise TableUnavailableError(repr(error)) from error
