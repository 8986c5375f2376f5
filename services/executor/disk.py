"""How much of the host's disk an attempt's output folder takes, and when that is too much.

The folder is measured while the attempt runs, on the disk where that is this machine's, and else by the
Engine: for the record, and to end the attempt where the host's kernel bounds no volume (`services.quota`).
There one that writes B bytes a second
leaves at most B * (CHECK_S + the time of two looks and of a kill) more than it may; and no single file of it
is ever larger than allowed, which is the kernel's to see to.  What a process holds open and has deleted is in
no folder, and is not seen.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiodocker.exceptions import DockerError

from services.executor.runtime import SandboxError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from aiodocker import Docker

    from services.executor.runtime import Sandbox

_BLOCK_BYTES: Final = 512
CHECK_S: Final = 1.0
LAST_LOOK_S: Final = 5.0
"""How long the end of an attempt waits to know what it has left."""

_log = structlog.get_logger(__name__)


class DiskUse:
    """What one attempt's output folder takes; `peak_bytes` is the most that was seen, None before a look."""

    def __init__(self) -> None:
        self.peak_bytes: int | None = None

    async def until_full(self, sandbox: Sandbox, *, bytes_max: int) -> None:
        """Look again and again; returns once there is more in the output folder than there may be."""
        clock = asyncio.get_running_loop().time
        look_s = 0.0
        while True:
            # As long as it takes it pauses: looking must not become the host's work.
            await asyncio.sleep(max(CHECK_S, look_s))
            began_s = clock()
            used = await self._look(sandbox)
            look_s = clock() - began_s
            if used is not None and used > bytes_max:
                _log.warning("disk_full", used_bytes=used, bytes_max=bytes_max)
                return

    async def last_look(self, sandbox: Sandbox) -> None:
        """Look once more, before the sandbox is removed; where no answer comes in time it stays at that."""
        try:
            async with asyncio.timeout(LAST_LOOK_S):
                await self._look(sandbox)
        except TimeoutError:
            _log.warning("disk_not_measured", reason=f"no answer in {LAST_LOOK_S:.0f} s")

    async def _look(self, sandbox: Sandbox) -> int | None:
        try:
            used = await sandbox.used_bytes()
        except SandboxError as error:
            _log.warning("disk_not_measured", reason=str(error))
            return None
        if used is not None:
            self.peak_bytes = max(used, self.peak_bytes or 0)
        return used


class VolumeSizes:
    """What volumes hold, by one answer for all who ask at a time; `ask` gets it."""

    def __init__(self, ask: Callable[[], Awaitable[dict[str, int]]]) -> None:
        self._ask = ask
        self._asking = asyncio.Lock()
        self._asked_s = float("-inf")
        self._sizes: dict[str, int] = {}

    async def of(self, name: str) -> int | None:
        """The size of a volume, measured after this was called; None where the answer does not hold it.

        Raises what `ask` raises.
        """
        clock = asyncio.get_running_loop().time
        came_s = clock()
        async with self._asking:
            # Of those who waited only the first asks: the others came before it did.
            if self._asked_s <= came_s:
                asked_s = clock()
                self._sizes = await self._ask()
                self._asked_s = asked_s
        return self._sizes.get(name)


async def all_volumes(docker: Docker) -> dict[str, int]:
    """The size of each volume by its name.

    The Engine measures all that it has, and for one who asks at a time: others are refused meanwhile.
    Source: https://docs.docker.com/reference/api/engine/version/v1.42/#tag/System/operation/SystemDataUsage

    Raises:
        DockerError: it refused.
        aiohttp.ClientError: it did not answer.
    """
    url = f"{docker.docker_host}/{docker.api_version}/system/df"
    # An Engine before API 1.42 heeds no type, and measures its images too.
    async with docker.session.get(url, params={"type": "volume"}) as answer:
        told = await answer.json()
        if not answer.ok:
            raise DockerError(answer.status, told["message"])
        return volume_sizes(told)


def volume_sizes(usage: Mapping[str, Any]) -> dict[str, int]:
    """The volumes by name in what the Engine says of its disk, but those whose size it does not know."""
    known = {
        volume["Name"]: (volume["UsageData"] or {"Size": -1})["Size"] for volume in usage["Volumes"] or ()
    }
    return {name: size for name, size in known.items() if size >= 0}


def folder_bytes(folder: Path, *, wholly: bool = False) -> int:
    """What the files below a folder take on the disk; no link is followed.

    Raises:
        PermissionError: where it is asked for `wholly`, and a folder in there cannot be looked into.
    """
    total = 0
    for above, _, names in os.walk(folder, onerror=_refused if wholly else None):
        for name in names:
            try:
                total += os.lstat(f"{above}/{name}").st_blocks * _BLOCK_BYTES
            except FileNotFoundError:  # it was there a moment ago
                continue
    return total


def _refused(error: OSError) -> None:
    if isinstance(error, PermissionError):
        raise error
