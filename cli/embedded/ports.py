"""Ports for a stack: one that nobody listens on, and that no stack of this user is about to listen on."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.embedded.servers import free_port
from podium.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterable

GATEWAY_PORT: Final = 8080
NATS_PORT: Final = 4222
_TRIES: Final = 20


def is_free(port: int) -> bool:
    """Nobody listens on that port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class Claims(ExitStack):
    """Ports that this process has claimed, until the end of the `with` block or of the process."""

    def take(self, preferred: Iterable[int | None]) -> int:
        """The first of the preferred ports that can be had, or else any port."""
        wanted = [port for port in preferred if port]
        for port in [*wanted, *(free_port() for _ in range(_TRIES))]:
            if is_free(port) and self._claim(port):
                return port
        raise StackError("No free port was found on 127.0.0.1.")

    def take_exactly(self, port: int) -> int:
        """That port and no other.

        Raises:
            StackError: somebody has it.
        """
        if not is_free(port) or not self._claim(port):
            raise StackError(
                f"Port {port} is taken by another program.",
                hint="Leave out --port to have a free one chosen, or name another.",
            )
        return port

    def _claim(self, port: int) -> bool:
        folder = Path(tempfile.gettempdir()) / f"podium-ports-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        file = self.enter_context((folder / str(port)).open("w"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
