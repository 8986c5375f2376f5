"""Real servers for tests, from the same wheels as `podium up`, each on a free port with its own folder."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import nats
from nats.errors import Error as NatsError

from cli.embedded.servers import free_port, nats_command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from nats.aio.client import Client


PASSWORD = "p0123456789"


class NatsServer:
    """A nats-server that a test can kill and start again on the same data.

    With `accounts` it has those that are shipped, and `url` is that of the services.
    """

    def __init__(self, folder: Path, *, accounts: bool = False) -> None:
        self._folder = folder
        self._accounts = accounts
        self.port = free_port()
        self.readers_url = f"nats://127.0.0.1:{self.port}"
        self.url = f"nats://podium:{PASSWORD}@127.0.0.1:{self.port}" if accounts else self.readers_url
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen(
                nats_command(self._folder, self.port, accounts=self._accounts),
                env={**os.environ, "NATS_PASSWORD": PASSWORD, "NATS_READER_PASSWORD": f"r{PASSWORD}"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        _wait_for_port(self.port)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Client]:
        async def on_error(error: Exception) -> None:
            if not isinstance(error, (NatsError, OSError)):
                raise error

        client = await nats.connect(
            self.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=on_error
        )
        try:
            yield client
        finally:
            await client.close()


def _wait_for_port(port: int) -> None:
    import socket

    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port}")
