"""Run the filter: ``python -m services.executor.engine``, with the executor's own settings.

``DOCKER_HOST`` is the Engine's socket, ``PODIUM_ENGINE_SOCKET`` the one for the executor.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from services import logs
from services.environment import Environment, SettingError
from services.executor.engine.filter import EngineFilter, engine_session, listen
from services.executor.engine.rules import Grant
from services.executor.settings import read
from services.running import refuse, until_stopped


async def serve(engine: Path, socket: Path, grant: Grant) -> None:
    """Pass requests on until a signal comes."""
    async with engine_session(engine) as session:
        runner = await listen(EngineFilter(session, grant), socket)
        try:
            await until_stopped(_idle())
        finally:
            await runner.cleanup()


async def _idle() -> None:
    await asyncio.Event().wait()


def _socket_of(url: str) -> Path:
    if not url.startswith("unix://"):
        raise SettingError(f"DOCKER_HOST should start with unix://, not {url!r}")
    return Path(url.removeprefix("unix://"))


def main() -> None:
    """Read the settings and serve; exit with 2 where they are wrong."""
    logs.configure("engine")
    environment = Environment(os.environ)
    try:
        settings = read(environment)
        engine = _socket_of(environment.text("DOCKER_HOST", "unix:///var/run/docker.sock"))
        socket = Path(environment.text("PODIUM_ENGINE_SOCKET"))
    except SettingError as error:
        refuse("engine", error)
    grant = Grant(
        executor=settings.executor,
        image=settings.image,
        oci_runtime=settings.docker_runtime,
        cpus=settings.cpus,
        memory_bytes=settings.memory_bytes,
        disk_bytes=settings.disk_bytes_max,
        egress=settings.egress_dir / settings.executor,
        competitions=settings.competitions_dir,
    )
    asyncio.run(serve(engine, socket, grant))


if __name__ == "__main__":
    main()
