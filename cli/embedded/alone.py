"""The NATS of a stack that is down, and nothing else of it: for what nobody may follow the log meanwhile."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Final

from cli.embedded.ports import Claims
from cli.embedded.servers import nats_command
from podium.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.embedded.home import Home

_START_S: Final = 60.0
_STOP_S: Final = 10.0
_LOOK_S: Final = 0.05


@contextlib.contextmanager
def nats_alone(home: Home) -> Iterator[str]:
    """The address of the stack's NATS, with the services' password; it is stopped at the end.

    Raises:
        StackError: a stack runs there, or NATS does not start.
    """
    with home.held(), Claims() as claims:
        home.prepare()
        port = claims.take([])
        password = home.nats_password()
        with home.log_of("nats").open("ab") as log:
            server = subprocess.Popen(  # noqa: S603 - our own command
                nats_command(home.folder / "nats", port, accounts=True),
                env={**os.environ, "NATS_PASSWORD": password, "NATS_READER_PASSWORD": password},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait_for(server, port, home)
            yield f"nats://podium:{password}@127.0.0.1:{port}"
        finally:
            server.terminate()
            try:
                server.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_for(server: subprocess.Popen[bytes], port: int, home: Home) -> None:
    deadline = time.monotonic() + _START_S
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(_LOOK_S)
    raise StackError("nats did not start.", hint=f"Its log: {home.log_of('nats')}")
