"""Run a projector, or look after its rows: ``python -m services.projector [status|verify|rebuild]``."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from functools import partial
from typing import TYPE_CHECKING

from events.copy import ensure_copy
from events.dead_letters import DeadLetters, ensure_dead_letters
from events.jetstream import ensure_stream
from services import broker, logs, tracing
from services.environment import Environment, SettingError
from services.projector import commands
from services.projector.loop import Projector
from services.projector.migrations import MigrationError
from services.projector.settings import read
from services.projector.table import JobTable
from services.pulse import PulsingLog
from services.running import refuse, until_stopped

if TYPE_CHECKING:
    from services.projector.settings import Settings


async def serve(settings: Settings) -> None:
    """Project until a signal comes."""
    connection = await broker.connect(
        settings.nats_url, name="projector", tls=settings.nats_tls, inbox="projector"
    )
    js = connection.jetstream()
    await broker.insist(partial(ensure_stream, js, replicas=settings.nats_replicas))
    await broker.insist(partial(ensure_dead_letters, js, replicas=settings.nats_replicas))
    await broker.insist(partial(ensure_copy, connection, replicas=settings.nats_replicas))
    table = JobTable(settings.database_url)
    log = PulsingLog(connection, source="podium/projector", file=settings.pulse_file, projects=True)
    try:
        await until_stopped(Projector(log, table, DeadLetters(connection)).run())
    finally:
        await table.close()
        await connection.close()


def main() -> None:
    """Read the settings and work; exit with 2 where they are wrong, with 1 where schema or rows are."""
    parser = argparse.ArgumentParser(prog="python -m services.projector", description=__doc__)
    parser.add_argument(
        "command", nargs="?", choices=commands.COMMANDS, help="without: project until stopped"
    )
    parser.add_argument("--json", action="store_true", help="print what came of the command as JSON")
    arguments = parser.parse_args()
    command = arguments.command
    logs.configure("projector")
    try:
        settings = read(Environment(os.environ))
        if command is not None:
            sys.exit(asyncio.run(commands.run(command, settings, as_json=arguments.json)))
        tracing.configure("projector", Environment(os.environ))
        asyncio.run(serve(settings))
    except SettingError as error:
        refuse("projector", error)
    except (MigrationError, commands.CommandError) as error:
        sys.exit(f"podium projector: {error}")


if __name__ == "__main__":
    main()
