"""A schema of Postgres to fold into beside the rows that are served; the migrations make its tables too."""

from __future__ import annotations

import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg

from services.projector.folding import Folding
from services.projector.table import JobTable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from events.log import Extent
    from services.projector.folding import Aside
    from services.projector.loop import History

    Connection: TypeAlias = asyncpg.Connection[Any]
    Tell: TypeAlias = Callable[[int, int], None]
    """Told how far a fold is, and how far it has to go."""

CONNECT_S: Final = 10.0


class BusyError(Exception):
    """Somebody else is at the same work; let them end, or end them."""


@asynccontextmanager
async def scratch(database_url: str, schema: str) -> AsyncIterator[Connection]:
    """A new, empty schema, dropped at the end: a connection to the database that holds it.

    The connection's lock keeps others off; it ends with the process, and what a killed process left is
    dropped by the next one.

    Raises:
        BusyError: another process has it.
    """
    connection = await asyncpg.connect(database_url, timeout=CONNECT_S)
    try:
        if not await connection.fetchval("SELECT pg_try_advisory_lock(hashtext($1))", schema):
            raise BusyError(f"another process works in the schema {schema}")
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
        try:
            yield connection
        finally:
            with contextlib.suppress(asyncpg.InterfaceError, OSError):
                await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    finally:
        await connection.close()


class Fold:
    """The log folded from its beginning into a schema of its own."""

    def __init__(self, log: History, aside: Aside, *, database_url: str, schema: str, tell: Tell) -> None:
        self._events = log
        self._table = JobTable(database_url, schema=schema)
        self._folding = Folding(self._table, aside)
        self._tell = tell

    async def steps(
        self, extent: Extent, *, up_to: int | None = None
    ) -> AsyncGenerator[tuple[int, bool], None]:
        """Fold on: after each batch the sequence that was reached, and whether that was all there is.

        Ends at the sequence `up_to`, or else never.
        """
        at = await self._table.checkpoint(extent)
        if up_to is not None and at >= up_to:
            return
        async for batch in self._events.follow(after=at):
            records = [record for record in batch.records if up_to is None or record.sequence <= up_to]
            if records:
                at = await self._folding.fold(records, after=at)
                self._tell(at, max(at, up_to or extent.last))
            yield at, batch.caught_up
            if up_to is not None and at >= up_to:
                return

    async def close(self) -> None:
        """Let go of the connection."""
        await self._table.close()
