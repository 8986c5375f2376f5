"""Fetches one plain file out of an ended container, looked at before it is asked for.

The Engine sends files as a tar of any size; its answer to HEAD says first what it would send.
Source: Engine API, "Get information about files in a container": X-Docker-Container-Path-Stat.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import msgspec

from services.executor.runtime import FileMissingError, FileRefusedError

if TYPE_CHECKING:
    from aiodocker import Docker
    from aiodocker.containers import DockerContainer


class PathStat(msgspec.Struct, frozen=True, kw_only=True):
    """What the Engine says of a path: bytes, and the type and permissions as Go writes them."""

    size: int
    mode: int

    @property
    def is_regular(self) -> bool:
        """No bit of Go's `fs.ModeType` is set: not a folder, link, device, pipe, socket."""
        return self.mode & 0x8F280000 == 0


def path_stat(header: str) -> PathStat:
    """The content of the header: JSON in base64."""
    return msgspec.json.decode(base64.b64decode(header), type=PathStat)


async def plain_file(docker: Docker, container: DockerContainer, path: str, *, bytes_max: int) -> bytes:
    """The bytes of a regular file in a container that does not run.

    Raises:
        FileMissingError: there is none.
        FileRefusedError: it is no regular file, or too large.
        DockerError, aiohttp.ClientError: the Engine did not answer.
    """
    name = path.rsplit("/", 1)[-1]
    url = f"{docker.docker_host}/{docker.api_version}/containers/{container.id}/archive"
    async with docker.session.head(url, params={"path": path}) as answer:
        if answer.status == 404:
            raise FileMissingError(name)
        answer.raise_for_status()
        found = path_stat(answer.headers["X-Docker-Container-Path-Stat"])
    if not found.is_regular:
        raise FileRefusedError(name, "it is not a regular file")
    if found.size > bytes_max:
        raise FileRefusedError(name, f"it has {found.size} bytes, {bytes_max} are allowed")
    with await container.get_archive(path) as archive:
        member = archive.next()
        opened = archive.extractfile(member) if member is not None and member.isreg() else None
        if opened is None:
            raise FileRefusedError(name, "it is not a regular file")
        return opened.read(bytes_max)
