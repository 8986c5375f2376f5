"""The folder of a stack: where each part keeps its data, and which supervisor holds it.

A running supervisor holds a lock on the folder, which the kernel lets go when it dies; `stack.json` is
there from the moment the gateway is ready until the stack goes down.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from contextlib import contextmanager
from datetime import datetime
from typing import IO, TYPE_CHECKING, Final

import msgspec

from podium.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK_TRIES: Final = 5
_LOCK_PAUSE_S: Final = 0.05


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """A stack that is up: its supervisor and where its parts listen.

    `nats_url` holds the services' password; by `events_url` anybody on this machine can read the events.
    """

    pid: int
    started_at: datetime
    gateway_url: str
    nats_url: str
    events_url: str
    redis_url: str
    database_url: str


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What stays the same from one start to the next: the executor's name, and where the stack is found."""

    executor_id: str
    gateway_port: int
    nats_port: int


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """The log here came from a file: it is shown, and none of it is ever run; `is_whole` once all is in."""

    file: str
    is_whole: bool


class Home:
    """The folder of one stack."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.competitions = self.folder / "competitions"
        self.logs = self.folder / "logs"
        self.results = self.folder / "results"
        self.work = self.folder / "work"
        self._lock_file = self.folder / "lock"
        self._stack_file = self.folder / "stack.json"
        self._remembered_file = self.folder / "remembered.json"
        self._imported_file = self.folder / "imported.json"
        self._password_file = self.folder / "nats.password"

    def log_of(self, name: str) -> Path:
        """Where the output of a part goes."""
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        """Make the folders that more than one part writes to."""
        for folder in (self.competitions, self.logs, self.work):
            folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder as its one supervisor.

        Raises:
            StackError: another one does.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock_file.open("a+") as lock:
            if not _lock(lock):
                raise self.taken()
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self._stack_file.unlink(missing_ok=True)
            try:
                yield
            finally:
                self._stack_file.unlink(missing_ok=True)
                lock.truncate(0)

    def taken(self) -> StackError:
        """What to say to somebody who wants to start a second stack here."""
        return StackError(
            f"A stack runs in {self.folder} already (process {self.supervisor_pid()}).",
            hint="`podium down` stops it; --home DIR starts another one beside it.",
        )

    def supervisor_pid(self) -> int | None:
        """The process that holds the folder, None where nobody does."""
        try:
            with self._lock_file.open() as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    words = lock.read().split()
                    return int(words[0]) if words else None
        except FileNotFoundError:
            pass
        return None

    def stack(self) -> Stack | None:
        """The stack that is up in this folder, if there is one."""
        if self.supervisor_pid() is None:
            return None
        try:
            return msgspec.json.decode(self._stack_file.read_bytes(), type=Stack)
        except FileNotFoundError:
            return None

    def announce(self, stack: Stack) -> None:
        """Say that the stack is up."""
        _write_whole(self._stack_file, msgspec.json.format(msgspec.json.encode(stack), indent=2))

    def remembered(self) -> Remembered | None:
        """What the last start chose, None before the first."""
        try:
            return msgspec.json.decode(self._remembered_file.read_bytes(), type=Remembered)
        except FileNotFoundError:
            return None

    def remember(self, remembered: Remembered) -> None:
        """Keep this for the next start."""
        _write_whole(self._remembered_file, msgspec.json.encode(remembered))

    def nats_password(self) -> str:
        """The services' password for NATS, made where there is none; only this user can read the file."""
        if not self._password_file.exists():
            _write_whole(self._password_file, f"p{secrets.token_hex(24)}".encode())
        return self._password_file.read_text()

    def has_log(self) -> bool:
        """A NATS was started here before."""
        return (self.folder / "nats").exists()

    def imported(self) -> Imported | None:
        """Where the log came from, None for one of this stack's own."""
        try:
            return msgspec.json.decode(self._imported_file.read_bytes(), type=Imported)
        except FileNotFoundError:
            return None

    def mark_imported(self, imported: Imported) -> None:
        """Keep for ever that the log is not this stack's own."""
        _write_whole(self._imported_file, msgspec.json.encode(imported))


def _lock(file: IO[str]) -> bool:
    """Take the lock; tried a few times, because whoever looks at it holds it for a moment."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE_S)
        else:
            return True
    return False


def _write_whole(path: Path, data: bytes) -> None:
    """A reader, who has to be this user, sees the old file or the new one, never half of it."""
    half = path.with_suffix(".new")
    half.unlink(missing_ok=True)
    half.touch(mode=0o600, exist_ok=False)
    half.write_bytes(data)
    half.replace(path)
