"""What a person can ask of the projection: its status, whether its rows are right, and to make them anew."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import asyncpg

from events.dead_letters import DeadLetters, ensure_dead_letters
from events.jetstream import JetStreamLog, ensure_stream
from events.log import UnavailableError
from services import broker
from services.projector.position import REMEDY, LogReplacedError
from services.projector.rebuild import rebuild
from services.projector.scratch import BusyError
from services.projector.status import lines, status
from services.projector.verify import verify

if TYPE_CHECKING:
    from nats.aio.client import Client

    from services.projector.settings import Settings

COMMANDS: Final = ("status", "verify", "rebuild")

_REACH_S: Final = 10.0
_TELL_EVERY_S: Final = 1.0


class CommandError(Exception):
    """It could not be done; the message is one line for an operator."""


async def run(command: str, settings: Settings) -> int:
    """Do it and print what came of it; the exit code: 1 where rows and log do not agree.

    Raises:
        CommandError: a server does not answer, or somebody else is at it.
        MigrationError: see `services.projector.migrations.migrate`.
    """
    connection = await _connection(settings)
    try:
        log, letters = JetStreamLog(connection, source="podium/projector"), DeadLetters(connection)
        if command == "status":
            return await _status(log, letters, settings)
        # An operator's command may be the first thing that is run on a new server.
        await ensure_stream(connection.jetstream(), replicas=settings.nats_replicas)
        await ensure_dead_letters(connection.jetstream(), replicas=settings.nats_replicas)
        return await (_verify if command == "verify" else _rebuild)(log, letters, settings)
    except LogReplacedError as error:
        raise CommandError(f"{error}. {REMEDY}") from error
    except (UnavailableError, BusyError) as error:
        raise CommandError(str(error)) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise CommandError(f"Postgres: {error}") from error
    finally:
        await connection.close()


async def _connection(settings: Settings) -> Client:
    try:
        async with asyncio.timeout(_REACH_S):
            return await broker.connect(settings.nats_url, name="projector command")
    except TimeoutError as error:
        raise CommandError(f"NATS does not answer within {_REACH_S:g} s") from error


async def _status(log: JetStreamLog, letters: DeadLetters, settings: Settings) -> int:
    found = await status(log, letters, database_url=settings.database_url)
    _say(*lines(found))
    return 1 if found.trouble else 0


async def _verify(log: JetStreamLog, letters: DeadLetters, settings: Settings) -> int:
    verdict = await verify(log, letters, database_url=settings.database_url, tell=Progress())
    _say(*verdict.shown)
    if verdict.different > len(verdict.shown):
        _say(f"and {verdict.different - len(verdict.shown):,} more")
    _say(f"{verdict.jobs:,} jobs as of {verdict.sequence:,}: {verdict.different:,} differ from the log")
    return 1 if verdict.different else 0


async def _rebuild(log: JetStreamLog, letters: DeadLetters, settings: Settings) -> int:
    at = await rebuild(log, letters, database_url=settings.database_url, tell=Progress())
    _say(f"the rows are new, folded up to {at:,}")
    return 0


class Progress:
    """Says how far a fold is, once a second."""

    def __init__(self) -> None:
        self._told_at = 0.0

    def __call__(self, at: int, of: int) -> None:
        """Told with every batch."""
        now = time.monotonic()
        if now - self._told_at >= _TELL_EVERY_S or at >= of:
            self._told_at = now
            _say(f"folded {at:,} of {of:,} events ({at / of:.0%})")


def _say(*told: str) -> None:
    for line in told:
        print(line, flush=True)  # noqa: T201 - this is what the command was run for
