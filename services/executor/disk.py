"""How much of the host's disk an attempt's output folder takes, and when that is too much.

Docker bounds a volume only on a file system with project quotas, and a volume in memory would count as the
container's memory and be gone with its process: so the folder is measured while the attempt runs.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, Final

import structlog

from services.executor.runtime import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aiodocker import Docker

    from services.executor.runtime import Sandbox

_BLOCK_BYTES: Final = 512
CHECK_S: Final = 5.0

_log = structlog.get_logger(__name__)


async def until_full(sandbox: Sandbox, *, bytes_max: int) -> None:
    """Look again and again; returns once there is more in the output folder than there may be."""
    while True:
        await asyncio.sleep(CHECK_S)
        try:
            used = await sandbox.used_bytes()
        except SandboxError as error:
            _log.warning("disk_not_measured", reason=str(error))
            continue
        if used is not None and used > bytes_max:
            _log.warning("disk_full", used_bytes=used, bytes_max=bytes_max)
            return


async def volume_bytes(docker: Docker, name: str) -> int | None:
    """The size of a volume; None where the Engine does not know it now.

    The Engine measures all that it has, and for one who asks at a time.
    Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/System/operation/SystemDataUsage

    Raises:
        aiohttp.ClientError: it refused, or did not answer.
    """
    async with docker.session.get(f"{docker.docker_host}/{docker.api_version}/system/df") as answer:
        answer.raise_for_status()
        return volume_in(await answer.json(), name)


def volume_in(usage: Mapping[str, Any], name: str) -> int | None:
    """The size of a volume in what the Engine says of its disk; None where it is not in there."""
    for volume in usage["Volumes"] or ():
        if volume["Name"] == name:
            size: int = (volume["UsageData"] or {"Size": -1})["Size"]
            return size if size >= 0 else None
    return None


def folder_bytes(folder: Path) -> int:
    """What the files below a folder take on the disk; no link is followed."""
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(f"{above}/{name}").st_blocks * _BLOCK_BYTES
            except FileNotFoundError:  # it was there a moment ago
                continue
    return total
