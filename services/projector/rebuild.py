"""Make the rows anew beside the old ones, which are served meanwhile, and change places in one transaction.

Projectors may run all the while: a checkpoint that has moved on, or back, is one that they go on from.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import asyncpg

from events.log import UnavailableError
from services.projector.migrations import migrate
from services.projector.position import LogReplacedError, check
from services.projector.scratch import Fold, scratch
from services.projector.table import NAME, position_in

if TYPE_CHECKING:
    from events.log import Extent
    from services.projector.folding import Aside
    from services.projector.loop import History
    from services.projector.scratch import Connection, Tell

SCHEMA: Final = "podium_rebuild"

_LOCK: Final = "SELECT FROM projection_checkpoint WHERE name = $1 FOR UPDATE"
_MOVE: Final = f"""
    INSERT INTO projection_checkpoint (name, sequence, log)
    SELECT name, sequence, log FROM {SCHEMA}.projection_checkpoint WHERE name = $1
    ON CONFLICT (name) DO UPDATE SET sequence = excluded.sequence, log = excluded.log
"""  # noqa: S608 - our own name


async def rebuild(log: History, aside: Aside, *, database_url: str, tell: Tell) -> int:
    """Fold the whole log into new tables and let them take the old ones' place; the checkpoint then.

    Killed at any time, it leaves the old tables as they are, or the new ones in their place.

    Raises:
        BusyError: another rebuild is at work.
        UnavailableError: the log does not answer at the start.
        asyncpg.PostgresError: the old table cannot be dropped; a view of somebody's needs it, for one.
    """
    extent = await log.extent()
    async with scratch(database_url, SCHEMA) as connection:
        await migrate(connection)
        fold = Fold(log, aside, database_url=database_url, schema=SCHEMA, tell=tell)
        try:
            async with aclosing(fold.steps(extent)) as steps:
                async for at, caught_up in steps:
                    if caught_up and await swap(connection, log, at=at):
                        return at
        finally:
            await fold.close()
    raise AssertionError("a log is followed for ever")


async def swap(connection: Connection, log: History, *, at: int) -> bool:
    """Put the new rows, which are folded up to `at`, in the old ones' place.

    False where those are newer, or where somebody does not answer in time: try again.
    """
    try:
        async with connection.transaction():
            # Whoever reads waits behind us while we wait for a long reader: not for long.
            await connection.execute("SET LOCAL lock_timeout = '1s'")
            await connection.execute(_LOCK, NAME)
            # Behind the lock, where the rows move no more: past this end are only those of another log.
            if await _are_newer(connection, await log.extent(), at):
                return False
            served = await connection.fetchval("SELECT quote_ident(current_schema())")
            await connection.execute(
                f"DROP TABLE {served}.jobs; ALTER TABLE {SCHEMA}.jobs SET SCHEMA {served}"
            )
            await connection.execute(_MOVE, NAME)
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, UnavailableError):
        return False
    return True


async def _are_newer(connection: Connection, extent: Extent, at: int) -> bool:
    """The served rows hold events of this log past `at`; rows of another log are never newer."""
    served = await position_in(connection)
    try:
        check(served, extent)
    except LogReplacedError:
        return False
    return served.sequence > at
