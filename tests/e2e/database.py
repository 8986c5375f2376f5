"""Databases for stacks: one of the suite's server, and a server that a test can kill and start again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from cli.embedded.postgres import Postgres
from tests.e2e.stack import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


class KillablePostgres(Postgres):
    """The embedded server, on a folder of its own."""

    def kill(self) -> None:
        """`kill -9` of the server; its connections end with it."""
        pid = self._pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self.is_running(), timeout_s=5, what=lambda: f"process {pid} lives on")


@contextmanager
def own_postgres() -> Iterator[tuple[KillablePostgres, str]]:
    """A running server and its URL; not under pytest's folder, which other users may not enter."""
    folder = Path(mkdtemp(prefix="podium-postgres-"))
    server = KillablePostgres(folder / "data")
    try:
        yield server, server.start()
    finally:
        server.stop(timeout_s=0)
        shutil.rmtree(folder)


@contextmanager
def own_database(postgres_url: str) -> Iterator[str]:
    """An empty database on a server, for as long as a stack of many tests needs it."""
    name = f"test_{uuid4().hex}"

    async def do(statement: str) -> None:
        admin = await asyncpg.connect(postgres_url)
        await admin.execute(statement)
        await admin.close()

    asyncio.run(do(f"CREATE DATABASE {name}"))
    yield urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
    asyncio.run(do(f"DROP DATABASE {name} WITH (FORCE)"))
