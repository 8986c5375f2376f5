"""A Postgres that a test can kill and start again on the same data."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

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
        server.stop()
        shutil.rmtree(folder)
