"""Run a projector: ``python -m services.projector``."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from events.jetstream import JetStreamLog, ensure_stream
from services import broker, logs
from services.environment import Environment, SettingError
from services.projector.loop import Projector
from services.projector.migrations import MigrationError
from services.projector.settings import read
from services.projector.table import JobTable
from services.running import refuse, until_stopped

if TYPE_CHECKING:
    from services.projector.settings import Settings


async def serve(settings: Settings) -> None:
    """Project until a signal comes."""
    connection = await broker.connect(settings.nats_url, name="projector")
    await ensure_stream(connection.jetstream(), replicas=settings.nats_replicas)
    table = JobTable(settings.database_url)
    try:
        await until_stopped(Projector(JetStreamLog(connection, source="podium/projector"), table).run())
    finally:
        await table.close()
        await connection.close()


def main() -> None:
    """Read the settings and serve; exit with 2 where they are wrong, with 1 where the schema is."""
    logs.configure("projector")
    try:
        asyncio.run(serve(read(Environment(os.environ))))
    except SettingError as error:
        refuse("projector", error)
    except MigrationError as error:
        sys.exit(f"podium projector: {error}")


if __name__ == "__main__":
    main()
