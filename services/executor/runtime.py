"""A runtime as a protocol: where an attempt's process runs, and what the executor may ask of it.

Three adapters serve it: `services.executor.docker` (containers), `services.executor.kubernetes` (Jobs of a
cluster) and `services.executor.process` (a machine without either).

    SandboxError           the sandbox could not be started, watched or stopped; carries the failure
    ├── FileMissingError   the attempt left no such file
    └── FileRefusedError   there is one, but it is not a plain file of an acceptable size
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import msgspec

from events.catalogue import DiskBound
from events.job import Failure
from services.log_line import StreamName

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

Channel: TypeAlias = StreamName | Literal["egress"]
"""Where a line comes from: the process, or what stands at its way out and says what it was refused."""


class SandboxError(Exception):
    """A sandbox did not do what it was asked; `failure` is what that means for the attempt."""

    def __init__(self, reason: str, message: str, *, retryable: bool) -> None:
        super().__init__(f"{reason}: {message}")
        self.failure = Failure(reason=reason, message=message, retryable=retryable)


class FileMissingError(SandboxError):
    """No such file in the output folder."""

    def __init__(self, name: str) -> None:
        super().__init__("artifact_missing", f"The attempt left no {name}.", retryable=True)


class FileRefusedError(SandboxError):
    """A link, a folder, a device, or more bytes than allowed."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__("artifact_refused", f"{name} was not taken: {why}.", retryable=False)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a sandbox of this runtime gets, as it goes into `AttemptStarted`, and how many fit at once.

    `memory_bytes` is the limit, or the machine's memory where nothing limits it; `slots` is how many such
    sandboxes run at once; one that `outlives` its executor's process can be adopted by the next;
    `disk_bound` is what keeps the output folder in its size: a quota of the kernel's, or who measures it
    (`services.executor.disk`); `notes` say what differs from what was asked for; `image` is what a container
    is made of, None where there is none.
    """

    runtime: str
    cpus: float
    memory_bytes: int
    slots: int = 1
    outlives: bool = False
    disk_bound: DiskBound = "measured"
    notes: tuple[str, ...] = ()
    image: str | None = None


class SandboxSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to run: whose it is, what its process is told, what it may reach.

    `variables` hold everything of the agent's environment but its folders, the nonce included; `data_dir`
    is the public folder of a local competition, None where the agent downloads; `network` is False for a
    sandbox with none.
    """

    job_id: str
    attempt: int
    variables: dict[str, str]
    data_dir: Path | None
    cpus: float
    memory_bytes: int
    network: bool


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended: its exit code (-N: killed by signal N), and whether memory ran out."""

    code: int
    out_of_memory: bool


class Remains(Protocol):
    """A sandbox that is there, running or not, whoever started it."""

    @property
    def job_id(self) -> str:
        """The job it was made for."""
        ...

    @property
    def attempt(self) -> int:
        """The attempt it was made for."""
        ...

    async def adopt(self) -> Adopted | None:
        """The sandbox as one that this process had started; None where nobody can listen to it any more.

        Raises:
            SandboxError: the runtime does not answer.
        """
        ...

    async def remove(self) -> None:
        """Kill what runs and delete all it left; nothing happens where it is gone already.

        Raises:
            SandboxError: it may still be there.
        """
        ...


class Sandbox(Remains, Protocol):
    """A started sandbox; `lines` is read once, to its end, then `wait`, then `read`, then `remove`."""

    def lines(self) -> AsyncIterator[tuple[Channel, bytes]]:
        """Each line as it is written, newline off, cut at `events.progress.LINE_BYTES_MAX`.

        Begins with the first line that the process has written, also for a sandbox that was adopted, and
        ends when nothing more can come.

        Raises:
            SandboxError: the process can no longer be watched.
        """
        ...

    async def wait(self) -> Exit:
        """The end of the process.

        Raises:
            SandboxError: the process can no longer be watched.
        """
        ...

    async def stop(self, *, at_once: bool = False) -> None:
        """Ask the process to end, and kill it 5 s later, or `at_once`; returns when it has ended.

        Raises:
            SandboxError: it may still run.
        """
        ...

    async def used_bytes(self) -> int | None:
        """What the attempt's files take on the disk, None where the runtime cannot say so now.

        Raises:
            SandboxError: the runtime does not answer.
        """
        ...

    async def read(self, name: str, *, bytes_max: int) -> bytes:
        """A plain file of the output folder, by a name without folders.

        Raises:
            FileMissingError: there is none.
            FileRefusedError: it is no regular file, or too large.
            SandboxError: it cannot be read now.
        """
        ...


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """A sandbox that an earlier process started, and the nonce that its agent speaks with."""

    sandbox: Sandbox
    nonce: str


class Runtime(Protocol):
    """Starts sandboxes, and finds those that an earlier process of the same executor left."""

    @property
    def facts(self) -> Facts:
        """What every sandbox gets."""
        ...

    async def ping(self) -> None:
        """Nothing, where a sandbox could be started now as far as a quick question tells.

        Raises:
            SandboxError: the runtime does not answer.
        """
        ...

    async def start(self, spec: SandboxSpec) -> Sandbox:
        """Make a sandbox and start the agent in it.

        Raises:
            SandboxError: nothing runs, and nothing was left behind that `find` would not show.
        """
        ...

    async def find(self) -> Sequence[Remains]:
        """All sandboxes of this executor.

        Raises:
            SandboxError: the runtime does not answer.
        """
        ...
