"""A container of an attempt, from its start to its removal: what it says, how it ends, what it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import aiohttp
import structlog
from aiodocker.exceptions import DockerError
from aiodocker.volumes import DockerVolume

from events.progress import KEPT_BACK, NONCE_VARIABLE
from services.executor.archive import plain_file
from services.executor.container import EGRESS_VARIABLE, OUTPUT, STOP_S, variables_of
from services.executor.disk import folder_bytes
from services.executor.docker_logs import Place, entries
from services.executor.egress import allow_list
from services.executor.lines import LineSplitter
from services.executor.runtime import Adopted, Exit, SandboxError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Mapping

    from aiodocker import Docker
    from aiodocker.containers import DockerContainer

    from services.executor.disk import VolumeSizes
    from services.executor.egress_gates import Gates
    from services.executor.runtime import Channel
    from services.log_line import StreamName

_CALL_S: Final = 60.0
_AWAY_MAX_S: Final = 60.0
_PAUSE_S: Final = 0.2
_NO_CONNECTION: Final = 900
"""The status that aiodocker gives where there was no answer at all."""

_log = structlog.get_logger(__name__)


class DockerSandbox:
    """A container, its volume and its way out, all of one name; a `services.executor.runtime.Sandbox`."""

    def __init__(
        self,
        docker: Docker,
        name: str,
        job_id: str,
        attempt: int,
        *,
        gates: Gates,
        sizes: VolumeSizes,
        secrets: Mapping[str, str],
    ) -> None:
        self._docker = docker
        self._gates = gates
        self._sizes = sizes
        self._secrets = secrets
        self._name = name
        self._job_id = job_id
        self._attempt = attempt
        self._container: DockerContainer = docker.containers.container(name)
        self._folder: Path | None = None

    @property
    def job_id(self) -> str:
        """See `Remains.job_id`."""
        return self._job_id

    @property
    def attempt(self) -> int:
        """See `Remains.attempt`."""
        return self._attempt

    async def lines(self) -> AsyncIterator[tuple[Channel, bytes]]:
        """See `Sandbox.lines`.

        The Engine's answer ends alike when the container ends and when the connection breaks: only a
        container that does not run any more has said everything.
        """
        place = Place()
        splitters: dict[StreamName, LineSplitter] = {"stdout": LineSplitter(), "stderr": LineSplitter()}
        running = True
        while running:
            # Asked before reading: what a container wrote before its end is then all in this reading.
            running = (await self._state())["Running"]
            try:
                async for stream, stamp, data in self._entries(place.since):
                    if place.is_new(stamp):
                        # Before the container's own line: what was refused is then not its last word.
                        for refused in self._gates.take(self._name):
                            yield "egress", refused.encode()
                        for line in splitters[stream].feed(data):
                            yield stream, line
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                _log.warning("container_log_interrupted", error=repr(error))
                running = True
                await asyncio.sleep(_PAUSE_S)
            place.resume()
        for refused in self._gates.take(self._name):
            yield "egress", refused.encode()
        for stream, splitter in splitters.items():
            for line in splitter.flush():
                yield stream, line

    async def wait(self) -> Exit:
        """See `Sandbox.wait`."""
        while (state := await self._state())["Running"]:  # noqa: ASYNC110 the Engine is asked, not told
            await asyncio.sleep(_PAUSE_S)
        return Exit(code=state["ExitCode"], out_of_memory=state["OOMKilled"])

    async def stop(self, *, at_once: bool = False) -> None:
        """See `Sandbox.stop`."""
        async with engine("docker_failed", f"The container {self._name} could not be stopped"):
            await self._container.stop(t=0 if at_once else STOP_S)

    async def used_bytes(self) -> int | None:
        """See `Sandbox.used_bytes`."""
        async with engine("not_measured", f"The volume {self._name} could not be measured"):
            if self._folder is None:
                volume = DockerVolume(self._docker, self._name)  # type: ignore[no-untyped-call] # the client's own
                shown = await volume.show()  # type: ignore[no-untyped-call] # the client's own
                self._folder = Path(shown["Mountpoint"])
            # Its name is no other folder's: where it is on this machine too, the Engine need not be asked.
            if os.access(self._folder, os.R_OK | os.X_OK):
                with contextlib.suppress(PermissionError):
                    return await asyncio.to_thread(folder_bytes, self._folder, wholly=True)
            return await self._sizes.of(self._name)

    async def read(self, name: str, *, bytes_max: int) -> bytes:
        """See `Sandbox.read`."""
        async with engine("docker_failed", f"{name} could not be read from the container {self._name}"):
            return await plain_file(self._docker, self._container, f"{OUTPUT}/{name}", bytes_max=bytes_max)

    async def adopt(self) -> Adopted | None:
        """See `Remains.adopt`: a container goes on without its executor, and Docker keeps what it says.

        One that was made and never started has nothing to say.
        """
        async with engine("docker_failed", f"The container {self._name} cannot be looked at"):
            try:
                shown = await self._container.show()
            except DockerError as error:
                if error.status != 404:
                    raise
                return None
        given = variables_of(shown["Config"])
        if shown["State"]["Status"] == "created" or NONCE_VARIABLE not in given:
            return None
        await self.let_out(given)
        return Adopted(sandbox=self, nonce=given[NONCE_VARIABLE])

    async def remove(self) -> None:
        """See `Remains.remove`."""
        try:
            await self._gates.remove(self._name)
        except OSError as error:
            raise SandboxError("not_removed", f"The way out is left: {error}", retryable=True) from error
        async with engine("not_removed", f"The container {self._name} could not be removed"):
            await _unless_missing(self._container.delete(force=True, v=True))
            volume = DockerVolume(self._docker, self._name)  # type: ignore[no-untyped-call] # the client's own
            await _unless_missing(volume.delete(force=True))  # type: ignore[no-untyped-call] # the client's own

    async def let_out(self, variables: dict[str, str]) -> None:
        """Open the container's way out, where its variables say that it has one, and leave its keys there.

        Raises:
            SandboxError: it cannot be opened.
        """
        if EGRESS_VARIABLE not in variables:
            return
        try:
            keys = {
                name: self._secrets[name]
                for name, value in variables.items()
                if value == KEPT_BACK and name in self._secrets
            }
            await self._gates.open(self._name, allow_list(variables), keys)
        except OSError as error:
            message = f"The way out of {self._name} could not be opened: {error}"
            raise SandboxError("egress_failed", message, retryable=True) from error

    async def _entries(self, since: str) -> AsyncIterator[tuple[StreamName, str, bytes]]:
        url = f"{self._docker.docker_host}/{self._docker.api_version}/containers/{self._name}/logs"
        query = {"stdout": "1", "stderr": "1", "follow": "1", "timestamps": "1", "since": since}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CALL_S)
        async with self._docker.session.get(url, params=query, timeout=timeout) as answer:
            answer.raise_for_status()
            async for entry in entries(answer.content):
                yield entry

    async def _state(self) -> dict[str, Any]:
        """The container's state, from a daemon that may be away for a minute."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _AWAY_MAX_S
        while True:
            try:
                async with engine("docker_failed", f"The container {self._name} cannot be watched"):
                    shown = await self._container.show()
                    return cast("dict[str, Any]", shown["State"])
            except SandboxError as error:
                if error.failure.reason != "docker_unavailable" or loop.time() > deadline:
                    raise
            await asyncio.sleep(_PAUSE_S)


@asynccontextmanager
async def engine(reason: str, what: str) -> AsyncIterator[None]:
    """Turns what the client raises into a `SandboxError`, and gives the Engine a minute to answer."""
    try:
        async with asyncio.timeout(_CALL_S):
            yield
    except DockerError as error:
        if error.status == _NO_CONNECTION:
            raise SandboxError("docker_unavailable", f"{what}: {error.message}", retryable=True) from error
        raise SandboxError(reason, f"{what}: {error.message}", retryable=True) from error
    except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
        raise SandboxError("docker_unavailable", f"{what}: {error!r}", retryable=True) from error


async def _unless_missing(request: Awaitable[None]) -> None:
    try:
        await request
    except DockerError as error:
        if error.status != 404:
            raise
