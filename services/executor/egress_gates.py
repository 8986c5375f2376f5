"""Ways out of containers that have no network: for each a socket in a folder that is mounted into it.

    <folder>/<container>/socket/proxy.sock    the container sees this folder and nothing beside it
    <folder>/<container>/refused              what was refused, a line each, for an executor that comes after

The socket can be made anew in the same folder, so a container finds the next executor where the last one was.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
from typing import TYPE_CHECKING, Final

import structlog

from services.executor.egress_proxy import HEAD_BYTES_MAX, Proxy
from services.executor.egress_told import Told

if TYPE_CHECKING:
    from asyncio import Server
    from collections.abc import Mapping
    from pathlib import Path

    from services.executor.egress import AllowList

SOCKET: Final = "proxy.sock"

_log = structlog.get_logger(__name__)


def mounted(folder: Path, name: str) -> Path:
    """The folder that a container finds its socket in, below that of its executor's gates."""
    return folder / name / "socket"


def refused(folder: Path, name: str) -> Path:
    """The file of what a container was refused."""
    return folder / name / "refused"


class Gate:
    """One container's way out, open until it is closed."""

    def __init__(self, folder: Path, name: str) -> None:
        self._name = name
        self._told = Told(refused(folder, name), name)
        self._proxy: Proxy | None = None
        self._server: Server | None = None

    async def open(self, listening: socket.socket, allowed: AllowList, keys: Mapping[str, str]) -> None:
        """Serve who connects, as far as it is allowed; `keys` are for the first who asks."""
        self._proxy = Proxy(allowed, tell=self._told.tell, keys=keys)
        self._server = await asyncio.start_unix_server(self._proxy.take, sock=listening, limit=HEAD_BYTES_MAX)

    def take(self) -> list[str]:
        """See `Told.take`."""
        return self._told.take()

    async def close(self) -> None:
        """End all connections and serve no more."""
        if self._server is not None:
            self._server.close()
        if self._proxy is not None:
            await self._proxy.close()
            sent, received = self._proxy.sent_bytes, self._proxy.received_bytes
            _log.info("egress_closed", container=self._name, sent_bytes=sent, received_bytes=received)


class Gates:
    """The ways out of one executor's containers, by the containers' names; `folder` is its alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, Gate] = {}

    def mounted(self, name: str) -> Path:
        """See `mounted`."""
        return mounted(self._folder, name)

    async def open(self, name: str, allowed: AllowList, keys: Mapping[str, str] | None = None) -> None:
        """Let a container out where that is allowed; also one that an earlier executor let out.

        `keys` are told to its agent, once.

        Raises:
            OSError: its folder or its socket cannot be made.
        """
        # Others on this machine do not get past this folder; a container sees only the one inside.
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        inside = self.mounted(name)
        if not inside.exists():  # else made before, by this executor or by what keeps the Engine from it
            inside.mkdir(parents=True)
            inside.chmod(0o755)
        gate = Gate(self._folder, name)
        await gate.open(_listening(inside), allowed, keys or {})
        self._open[name] = gate

    def take(self, name: str) -> list[str]:
        """See `Gate.take`; nothing for a container without a gate."""
        return self._open[name].take() if name in self._open else []

    async def remove(self, name: str) -> None:
        """Close the way out and forget what it refused; nothing happens where there is none.

        Raises:
            OSError: something of it is still there.
        """
        if (gate := self._open.pop(name, None)) is not None:
            await gate.close()
        (self.mounted(name) / SOCKET).unlink(missing_ok=True)
        # Folders that services.executor.engine made are its own to remove, with the volume.
        if (self._folder / name).exists() and os.access(self._folder, os.W_OK):
            shutil.rmtree(self._folder / name)


def _listening(folder: Path) -> socket.socket:
    """A socket in the folder that every user may connect to: the container's is another than this one."""
    (folder / SOCKET).unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _bind(listening, folder)
        (folder / SOCKET).chmod(0o666)
    except OSError:
        listening.close()
        raise
    return listening


def _bind(listening: socket.socket, folder: Path) -> None:
    """A socket's path may have 107 bytes, which a work folder's soon has; a descriptor's path is short."""
    if sys.platform != "linux":
        listening.bind(str(folder / SOCKET))
        return
    opened = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        listening.bind(f"/proc/self/fd/{opened}/{SOCKET}")
    finally:
        os.close(opened)
