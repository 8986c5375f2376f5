"""A child process of the supervisor: started, started again when it dies, stopped within a bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LEASH: Final = Path(__file__).with_name("leash.py")
_STABLE_S: Final = 20.0
_BACKOFF_FIRST_S: Final = 0.5
_BACKOFF_MAX_S: Final = 10.0


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What to run: a command, its whole environment, and the file that takes what it prints."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path


def backoff_s(deaths: int) -> float:
    """How long to wait before starting again what has died `deaths` times (1 or more) in a row."""
    return float(min(_BACKOFF_FIRST_S * 2 ** (deaths - 1), _BACKOFF_MAX_S))


def leashed(command: Sequence[str], *, parent_pid: int) -> list[str]:
    """The command that runs `command` for as long as its parent lives."""
    return [sys.executable, "-E", "-S", str(_LEASH), str(parent_pid), *command]


class Child:
    """One process, leader of a session of its own: a terminal's Ctrl-C reaches the supervisor alone."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.deaths = 0
        """How many times in a row it died soon after its start."""
        self._process: asyncio.subprocess.Process | None = None

    async def keep(self, on_death: Callable[[str], None]) -> None:
        """Run it for ever, again and again; cancelling this leaves the process as it is: `stop` ends it."""
        loop = asyncio.get_running_loop()
        while True:
            started_at = loop.time()
            exit_code = await self._run()
            lived_s = loop.time() - started_at
            self.deaths = 1 if lived_s > _STABLE_S else self.deaths + 1
            pause_s = backoff_s(self.deaths)
            on_death(
                f"{self.spec.name} ended with exit code {exit_code}; it starts again in {pause_s:g} s"
                f" (its log: {self.spec.log})"
            )
            await asyncio.sleep(pause_s)

    async def _run(self) -> int:
        with self.spec.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *leashed(self.spec.command, parent_pid=os.getpid()),
                env=dict(self.spec.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return await self._process.wait()

    async def stop(self, *, timeout_s: float) -> None:
        """Ask it to end (SIGTERM), and after `timeout_s` make its whole process group end (SIGKILL)."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(timeout_s):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
