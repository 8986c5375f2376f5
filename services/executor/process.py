"""Attempts as plain child processes, for a machine without Docker: no isolation, and it says so.

An attempt has a folder of its own, a session of its own, a clean environment, a few limits, and a launcher
that lets none of its processes outlive it.  It can read what this user can read, use all memory there is,
and kill what this user can kill.  Its agent is told of a bubblewrap, by which it keeps its scripts in.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import stat
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import TYPE_CHECKING, Final

from events.progress import LINE_BYTES_MAX
from services.executor import launcher
from services.executor.disk import folder_bytes
from services.executor.launched import end_launcher
from services.executor.lines import LineSplitter
from services.executor.runtime import Exit, Facts, FileMissingError, FileRefusedError, SandboxError
from services.executor.slots import share

if TYPE_CHECKING:
    from asyncio import StreamReader
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Sequence

    from services.executor.runtime import SandboxSpec
    from services.executor.slots import Machine
    from services.log_line import StreamName

NOTE: Final = (
    "no container: the agent runs as this user, with no isolation and no limit on CPU, memory or network"
)
_OWNER: Final = "executor"
_PID_FILE: Final = "launcher.pid"
_TERM_S: Final = launcher.TERM_S + 2.0
_POLL_S: Final = 0.05
_PIPES_S: Final = 2.0
_LINES_WAITING_MAX: Final = 1000


def process_facts(machine: Machine, *, cpus: float, memory_bytes: int, slots: int | None = None) -> Facts:
    """What a child process gets on a machine, of what was asked for; `slots` is as in `slots.share`.

    Nothing bounds its memory, so that it gets what there is: what was asked for is room kept for it.
    """
    each = share(machine, cpus=cpus, memory_bytes=memory_bytes, slots=slots)
    return Facts(
        runtime="process",
        cpus=each.cpus,
        memory_bytes=machine.memory_bytes,
        slots=each.slots,
        notes=(NOTE, *each.cpus_notes),
    )


class ProcessRuntime:
    """A `services.executor.runtime.Runtime` of child processes under `work_dir`/attempts.

    `command` is what runs as the agent; `library_path` goes into its LD_LIBRARY_PATH, and `bwrap` into its
    PODIUM_BWRAP, where given.
    """

    def __init__(
        self,
        *,
        work_dir: Path,
        executor: str,
        facts: Facts,
        command: Sequence[str] = (sys.executable, "-m", "agent"),
        library_path: Path | None = None,
        bwrap: Path | None = None,
    ) -> None:
        self._attempts = work_dir / "attempts"
        self._executor = executor
        self._facts = facts
        self._command = command
        self._library_path = library_path
        self._bwrap = bwrap

    @property
    def facts(self) -> Facts:
        """See `Runtime.facts`."""
        return self._facts

    async def ping(self) -> None:
        """See `Runtime.ping`: there is nobody to ask."""

    async def start(self, spec: SandboxSpec) -> ProcessSandbox:
        """See `Runtime.start`."""
        folder = self._attempts / spec.job_id / str(spec.attempt)
        try:
            await asyncio.to_thread(_make_folders, folder, self._executor)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", launcher.__file__, str(os.getpid()), str(folder / _PID_FILE)),
                *self._command,
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                limit=LINE_BYTES_MAX,
                cwd=folder / "work",
                env=self._environment(spec, folder),
                start_new_session=True,
            )
        except OSError as error:
            message = f"The agent's process could not be started: {error}"
            raise SandboxError("start_failed", message, retryable=True) from error
        return ProcessSandbox(folder, process)

    async def find(self) -> Sequence[ProcessRemains]:
        """See `Runtime.find`."""
        owners = sorted(self._attempts.glob(f"*/*/{_OWNER}"))
        return [ProcessRemains(path.parent) for path in owners if path.read_text() == self._executor]

    def _environment(self, spec: SandboxSpec, folder: Path) -> dict[str, str]:
        """All that the agent's process knows: nothing of the executor's own environment."""
        work = str(folder / "work")
        variables = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
            "LANG": "C.UTF-8",
            "HOME": work,
            "TMPDIR": work,
            "MPLBACKEND": "Agg",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **spec.variables,
            "PODIUM_OUTPUT_DIR": str(folder / "output"),
            "PODIUM_WORK_DIR": work,
        }
        if spec.data_dir is not None:
            variables["PODIUM_DATA_DIR"] = str(spec.data_dir)
        if self._library_path is not None:
            variables["LD_LIBRARY_PATH"] = str(self._library_path)
        if self._bwrap is not None:
            variables["PODIUM_BWRAP"] = str(self._bwrap)
        return variables


class ProcessRemains:
    """An attempt's folder, and the launcher in it where one still runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._output = folder / "output"

    @property
    def job_id(self) -> str:
        """See `Remains.job_id`."""
        return self._folder.parent.name

    @property
    def attempt(self) -> int:
        """See `Remains.attempt`."""
        return int(self._folder.name)

    async def adopt(self) -> None:
        """See `Remains.adopt`: an agent dies with its executor, whose pipes it speaks into."""

    async def remove(self) -> None:
        """See `Remains.remove`."""
        try:
            await asyncio.to_thread(self._remove)
        except OSError as error:
            message = f"{self._folder} could not be removed: {error}"
            raise SandboxError("not_removed", message, retryable=True) from error

    def _remove(self) -> None:
        end_launcher(self._folder / _PID_FILE)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._folder)
        with contextlib.suppress(OSError):  # another attempt of the job is there
            self._folder.parent.rmdir()


class ProcessSandbox(ProcessRemains):
    """A running child; a `services.executor.runtime.Sandbox`."""

    def __init__(self, folder: Path, process: Process) -> None:
        super().__init__(folder)
        self._process = process

    async def lines(self) -> AsyncIterator[tuple[StreamName, bytes]]:
        """See `Sandbox.lines`.

        A process that escaped a killed launcher may hold the pipes open: they are read for two seconds more.
        """
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        queue: asyncio.Queue[tuple[StreamName, bytes] | None] = asyncio.Queue(_LINES_WAITING_MAX)
        readers = {
            asyncio.create_task(_pump("stdout", self._process.stdout, queue)),
            asyncio.create_task(_pump("stderr", self._process.stderr, queue)),
        }
        ending = asyncio.create_task(self._end_of_pipes(readers, queue))
        try:
            while (item := await queue.get()) is not None:
                yield item
        finally:
            for task in (*readers, ending):
                task.cancel()
            await asyncio.gather(*readers, ending, return_exceptions=True)

    async def wait(self) -> Exit:
        """See `Sandbox.wait`."""
        # Not the library's `wait`: in some releases it also waits for pipes that a grandchild holds.
        while self._process.returncode is None:  # noqa: ASYNC110 there is no event without the pipes
            await asyncio.sleep(_POLL_S)
        return Exit(code=self._process.returncode, out_of_memory=False)

    async def stop(self, *, at_once: bool = False) -> None:
        """See `Sandbox.stop`."""
        if not at_once:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TERM_S):
                    await self.wait()
        self._signal(signal.SIGKILL)
        await self.wait()

    async def used_bytes(self) -> int:
        """See `Sandbox.used_bytes`."""
        return await asyncio.to_thread(folder_bytes, self._folder)

    async def read(self, name: str, *, bytes_max: int) -> bytes:
        """See `Sandbox.read`."""
        return await asyncio.to_thread(_read_plain, self._output, name, bytes_max)

    async def remove(self) -> None:
        """See `Remains.remove`."""
        await self.stop()
        await super().remove()

    def _signal(self, number: signal.Signals) -> None:
        """Signal the launcher, which knows what to do with its agent; nothing where it has ended."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _end_of_pipes(
        self,
        readers: set[asyncio.Task[None]],
        queue: asyncio.Queue[tuple[StreamName, bytes] | None],
    ) -> None:
        await self.wait()
        await asyncio.wait(readers, timeout=_PIPES_S)
        await queue.put(None)


async def _pump(
    name: StreamName, stream: StreamReader, queue: asyncio.Queue[tuple[StreamName, bytes] | None]
) -> None:
    splitter = LineSplitter()
    while chunk := await stream.read(LINE_BYTES_MAX):
        for line in splitter.feed(chunk):
            await queue.put((name, line))
    for line in splitter.flush():
        await queue.put((name, line))


def _make_folders(folder: Path, executor: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)
    for name in ("output", "work"):
        (folder / name).mkdir(parents=True, mode=0o700)
    (folder / _OWNER).write_text(executor)


def _read_plain(folder: Path, name: str, bytes_max: int) -> bytes:
    """The bytes of a regular file; no link is followed and no pipe waited for."""
    try:
        above = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=above)
        finally:
            os.close(above)
    except FileNotFoundError as error:
        raise FileMissingError(name) from error
    except OSError as error:
        raise FileRefusedError(name, error.strerror or str(error)) from error
    with open(opened, "rb") as file:  # noqa: PTH123 there is no path: the file was opened by descriptor
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode):
            raise FileRefusedError(name, "it is not a regular file")
        if found.st_size > bytes_max:
            raise FileRefusedError(name, f"it has {found.st_size} bytes, {bytes_max} are allowed")
        return file.read(bytes_max)
