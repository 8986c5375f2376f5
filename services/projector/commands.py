"""What a person can ask of the projection: its status, whether its rows are right, and to make them anew."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Final, TextIO

import asyncpg
import msgspec

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


async def run(command: str, settings: Settings, *, as_json: bool = False) -> int:
    """Do it and print what came of it, in words or as one JSON document.

    The exit code: 1 where rows and log do not agree.

    Raises:
        CommandError: a server does not answer, or somebody else is at it.
        MigrationError: see `services.projector.migrations.migrate`.
    """
    connection = await _connection(settings)
    try:
        log, letters = JetStreamLog(connection, source="podium/projector"), DeadLetters(connection)
        if command == "status":
            return await _status(log, letters, settings, as_json=as_json)
        # An operator's command may be the first thing that is run on a new server.
        await ensure_stream(connection.jetstream(), replicas=settings.nats_replicas)
        await ensure_dead_letters(connection.jetstream(), replicas=settings.nats_replicas)
        work = _verify if command == "verify" else _rebuild
        return await work(log, letters, settings, as_json=as_json)
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
            return await broker.connect(
                settings.nats_url, name="projector command", tls=settings.nats_tls, inbox="projector"
            )
    except TimeoutError as error:
        raise CommandError(f"NATS does not answer within {_REACH_S:g} s") from error


async def _status(log: JetStreamLog, letters: DeadLetters, settings: Settings, *, as_json: bool) -> int:
    found = await status(log, letters, database_url=settings.database_url)
    _say(*([_json(found)] if as_json else lines(found)))
    return 1 if found.trouble else 0


async def _verify(log: JetStreamLog, letters: DeadLetters, settings: Settings, *, as_json: bool) -> int:
    progress = Progress(sys.stderr if as_json else sys.stdout)
    verdict = await verify(log, letters, database_url=settings.database_url, tell=progress)
    if as_json:
        _say(_json(verdict))
        return 1 if verdict.different else 0
    _say(*verdict.shown)
    if verdict.different > len(verdict.shown):
        _say(f"and {verdict.different - len(verdict.shown):,} more")
    _say(f"{verdict.jobs:,} jobs as of {verdict.sequence:,}: {verdict.different:,} differ from the log")
    return 1 if verdict.different else 0


async def _rebuild(log: JetStreamLog, letters: DeadLetters, settings: Settings, *, as_json: bool) -> int:
    progress = Progress(sys.stderr if as_json else sys.stdout)
    at = await rebuild(log, letters, database_url=settings.database_url, tell=progress)
    _say(_json({"sequence": at}) if as_json else f"the rows are new, folded up to {at:,}")
    return 0


class Progress:
    """Says how far a fold is, once a second."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._told_at = 0.0

    def __call__(self, at: int, of: int) -> None:
        """Told with every batch."""
        now = time.monotonic()
        if now - self._told_at >= _TELL_EVERY_S or at >= of:
            self._told_at = now
            _say(f"folded {at:,} of {of:,} events ({at / of:.0%})", to=self._output)


def _json(data: object) -> str:
    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode()


def _say(*told: str, to: TextIO | None = None) -> None:
    for line in told:
        print(line, file=to, flush=True)
