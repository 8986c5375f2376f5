"""How far the projection is: checkpoint, end of the log, what lies between, and what was set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import asyncpg
import msgspec

from events.dead_letters import DeadLetter
from events.log import Extent
from services.projector.position import REMEDY, LogReplacedError, Position, check
from services.projector.scratch import CONNECT_S
from services.projector.table import position_in

if TYPE_CHECKING:
    from events.dead_letters import DeadLetters
    from services.projector.loop import History

LETTERS_SHOWN: Final = 20


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The projection at a moment; `trouble` says why rows and log do not belong together, if so."""

    position: Position
    extent: Extent
    dead: int
    newest_dead: tuple[DeadLetter, ...]
    trouble: str | None


async def status(log: History, letters: DeadLetters, *, database_url: str) -> Status:
    """Look.

    Raises:
        UnavailableError: NATS does not answer.
        asyncpg.PostgresError: the database has no such tables yet, or cannot be asked.
    """
    connection = await asyncpg.connect(database_url, timeout=CONNECT_S)
    try:
        position = await position_in(connection)
    finally:
        await connection.close()
    # The log is asked second: it only grows, so that the rows do not seem to be ahead of it.
    extent = await log.extent()
    return Status(
        position=position,
        extent=extent,
        dead=await letters.count(),
        newest_dead=tuple(await letters.newest(LETTERS_SHOWN)),
        trouble=_trouble(position, extent),
    )


def lines(status: Status) -> list[str]:
    """The status in words."""
    behind = status.extent.last - status.position.sequence
    told = [
        f"log           made at {status.extent.identity}, ends at {status.extent.last:,}",
        f"projection    at {status.position.sequence:,}"
        + ("" if status.trouble else f", {behind:,} behind" if behind else ", nothing behind"),
        f"dead letters  {status.dead:,}",
    ]
    told += [f"  {letter.sequence:,}  {letter.subject}: {letter.reason}" for letter in status.newest_dead]
    if status.dead > len(status.newest_dead):
        told.append(f"  and {status.dead - len(status.newest_dead):,} older ones")
    if status.trouble:
        told += [f"trouble       {status.trouble}.", f"              {REMEDY}"]
    return told


def _trouble(position: Position, extent: Extent) -> str | None:
    try:
        check(position, extent)
    except LogReplacedError as error:
        return str(error)
    return None
