"""The rows in Postgres: a batch of events and the checkpoint past it are stored together or not at all.

Any number of projectors may run: each locks the checkpoint first and leaves out what another has folded in.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg
import msgspec
from msgspec.structs import astuple

from services.projector.migrations import migrate
from services.projector.position import Position, check_name
from services.projector.rows import Row, decode, keys_of, project, row_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from events.job import Job
    from events.log import Extent
    from events.recorded import Recorded

    Connection: TypeAlias = asyncpg.Connection[Any]

NAME: Final = "jobs"
_CONNECT_S: Final = 10.0
_STATEMENT_S: Final = 60.0
_CLOSE_S: Final = 2.0

# The last of them comes where the server has ended an idle connection and a query is sent on it.
_LOST: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_BEGIN_AT_ZERO: Final = (
    "INSERT INTO projection_checkpoint (name, sequence, log) VALUES ($1, 0, $2) ON CONFLICT (name) DO NOTHING"
)
_CHECKPOINT: Final = "SELECT sequence, log FROM projection_checkpoint WHERE name = $1"
_LOCKED_CHECKPOINT: Final = f"{_CHECKPOINT} FOR UPDATE"
_NAME_THE_LOG: Final = "UPDATE projection_checkpoint SET log = $2 WHERE name = $1 AND log IS NULL"
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
    "dollars": "float8",
}
_COLUMNS: Final = Row.__struct_fields__
_UPSERT: Final = (
    f"INSERT INTO jobs ({', '.join(_COLUMNS)}) SELECT * FROM unnest("  # noqa: S608 (our own names)
    + ", ".join(f"${place}::{_TYPES.get(name, 'text')}[]" for place, name in enumerate(_COLUMNS, 1))
    + ") ON CONFLICT (job_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "job_id")
)


class TableUnavailableError(Exception):
    """Postgres did not do it: it is away, or says why not.  Nothing was stored, or all; try again."""


class RewoundError(Exception):
    """The checkpoint lies before what was read so far: the rows are to be folded again from there."""


class UnfoldableError(Exception):
    """One of the events, at least, makes a job that has no place in the table; nothing was stored."""


class JobTable:
    """The table `jobs` and its checkpoint, over one connection that is opened when it is needed.

    `schema` names the schema that they are in, where that is not the connection's own.
    """

    def __init__(self, database_url: str, *, schema: str | None = None) -> None:
        self._url = database_url
        self._schema = schema
        self._open: Connection | None = None
        self._log: str | None = None

    async def checkpoint(self, extent: Extent) -> int:
        """The last sequence that is folded in, 0 at first; brings the schema up to date before.

        Raises:
            LogReplacedError: the rows were folded from a log of another name than that of `extent`.
            TableUnavailableError: see there.
            MigrationError: the schema is not one that this version knows.
        """
        with self._translated():
            connection = await self._connection()
            await migrate(connection)
            await connection.execute(_BEGIN_AT_ZERO, NAME, extent.identity)
            position = await position_in(connection)
            check_name(position, extent)
            await connection.execute(_NAME_THE_LOG, NAME, extent.identity)
            self._log = extent.identity
            return position.sequence

    async def fold_in(self, records: Sequence[Recorded], *, after: int) -> int:
        """Fold events into the rows and return the checkpoint then; those behind it already are left out.

        `records` are all events of the log past `after`, in order, up to the last of them; the log is the
        one that `checkpoint` was asked about.

        Raises:
            RewoundError: somebody has set the checkpoint to before `after`, or to another log.
            UnfoldableError: one of them makes a row that cannot be stored.
            TableUnavailableError: see there; the same call again is safe.
        """
        with self._translated():
            connection = await self._connection()
            async with connection.transaction():
                row = await connection.fetchrow(_LOCKED_CHECKPOINT, NAME)
                if row is None or row["sequence"] < after or row["log"] not in {None, self._log}:
                    found = f"at {row['sequence']} of {row['log']}" if row else "gone"
                    raise RewoundError(f"the checkpoint is {found}, but {after} of {self._log} was reached")
                at: int = row["sequence"]
                new = [record for record in records if record.sequence > at]
                if new:
                    at = new[-1].sequence
                    await self._store(connection, new)
                    await connection.execute(_MOVE_CHECKPOINT, NAME, at)
                return at

    async def close(self) -> None:
        """End the connection, if there is one."""
        if self._open is not None:
            with contextlib.suppress(*_LOST, OSError, TimeoutError):
                await self._open.close(timeout=_CLOSE_S)
            self._open = None

    async def _store(self, connection: Connection, records: list[Recorded]) -> None:
        keys = keys_of(records)
        known = await connection.fetch(_KNOWN, set(keys.values()))
        jobs = {row["job_id"]: _job_in(row) for row in known}
        try:
            rows = [astuple(row_of(key, job)) for key, job in project(jobs, records, keys).items()]
        except Exception as error:
            # A bug of the fold, or a history that nobody foresaw: one job must not stop all others.
            raise UnfoldableError(repr(error)) from error
        if not rows:
            return
        try:
            await connection.execute(_UPSERT, *zip(*rows, strict=True))
        except asyncpg.DataError as error:
            raise UnfoldableError(str(error)) from error

    async def _connection(self) -> Connection:
        if self._open is None or self._open.is_closed():
            self._open = await asyncpg.connect(
                self._url,
                timeout=_CONNECT_S,
                command_timeout=_STATEMENT_S,
                server_settings={
                    "application_name": "podium-projector",
                    **({"search_path": self._schema} if self._schema else {}),
                },
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


async def position_in(connection: Connection) -> Position:
    """How far the rows are: the checkpoint, 0 where there is none yet."""
    row = await connection.fetchrow(_CHECKPOINT, NAME)
    return Position(sequence=row["sequence"], log=row["log"]) if row else Position(sequence=0, log=None)


def _job_in(row: asyncpg.Record) -> Job:
    try:
        return decode(row["metadata"])
    except msgspec.DecodeError as error:
        raise TableUnavailableError(
            f"the row of job {row['job_id']} is none of this version ({error}): podium projection rebuild"
        ) from error
