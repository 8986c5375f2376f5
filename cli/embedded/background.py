"""A stack in the background: started in a session of its own, found again and stopped by its folder."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Final

from cli.embedded.parts import importable, module_command
from cli.embedded.postgres import Postgres
from cli.embedded.processes import name_of
from podium.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path

    from cli.embedded.home import Home, Stack

_START_S: Final = 120.0
_STOP_S: Final = 30.0
_POLL_S: Final = 0.1


def start(home: Home, *, port: int | None = None, replay: Path | None = None) -> Stack:
    """Start a stack that outlives this process, and wait until it is up; the options are `podium up`'s.

    Raises:
        StackError: one runs there already, or it did not come up, for the reason that it gives.
    """
    if home.supervisor_pid() is not None:
        raise home.taken()
    home.prepare()
    log = home.log_of("up")
    chosen = () if port is None else ("--port", str(port))
    shown = () if replay is None else ("--replay", str(replay.absolute()))
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - this very program
            [*module_command("cli"), "up", "--home", str(home.folder), *chosen, *shown],
            env=importable(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        return _wait_until_up(home, process)
    except BaseException:
        process.terminate()
        process.wait(_STOP_S)
        raise


def _wait_until_up(home: Home, process: subprocess.Popen[bytes]) -> Stack:
    deadline = time.monotonic() + _START_S
    log = home.log_of("up")
    while (stack := home.stack()) is None:
        if process.poll() is not None:
            lines = [line for line in log.read_text(errors="replace").splitlines() if "podium:" in line]
            words = lines[-1].partition("podium:")[2].strip() if lines else "The stack did not start."
            raise StackError(words, hint=f"Its log: {log}")
        if time.monotonic() > deadline:
            raise StackError(f"The stack is not up after {_START_S:g} s.", hint=f"Its log: {log}")
        time.sleep(_POLL_S)
    return stack


def stop(home: Home) -> bool:
    """Stop the stack of a folder and wait until it is down; False where none ran.

    A PostgreSQL that a killed supervisor left behind is stopped too.

    Raises:
        StackError: it does not go down.
    """
    pid = home.supervisor_pid()
    if pid is None:
        return _stop_what_was_left(home)
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_S
    while name_of(pid) is not None:
        if time.monotonic() > deadline:
            raise StackError(f"The stack (process {pid}) is not down after {_STOP_S:g} s.")
        time.sleep(_POLL_S)
    return True


def _stop_what_was_left(home: Home) -> bool:
    folder = home.folder / "postgres"
    if not folder.is_dir():
        return False
    postgres = Postgres(folder)
    was_running = postgres.is_running()
    postgres.stop()
    return was_running
