"""The second container of an attempt's pod: the agent's way to its executor, and the files' way there.

The two containers share the output folder, which this one cannot write to, and a folder with a socket in it.
The agent finds there what it finds in a Docker container; the keys, and the token that the executor knows
this pod by, are mounted here and nowhere else.  It goes on when the agent has ended: what that left can then
be read for as long as the pod is there.  Run as ``python -m agent.porter``; needs the standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from agent.relay import pump
from agent.settings import EGRESS_VARIABLE
from events.progress import (
    KEYS_ASKED,
    PORTER_FILES,
    PORTER_GREETING,
    PORTER_WAY_OUT,
    PORTER_WELCOME,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

DOOR_VARIABLE: Final = "PODIUM_PORTER_DOOR"
"""Names the executor's address, ``host:port``."""
PASS_VARIABLE: Final = "PODIUM_PORTER_PASS"  # noqa: S105 names a folder
"""Names the folder with the files `token` and `keys`, the latter a JSON object."""

_CONNECT_S: Final = 10.0
_AWAY_MAX_S: Final = 60.0
"""How long an executor may be away that is started again."""
_PAUSE_S: Final = 0.25
_QUIET_S: Final = 60.0
"""An executor that asks nothing for so long may be gone without a word: its successor is looked for."""
_CHUNK_BYTES: Final = 65_536
_BLOCK_BYTES: Final = 512
_SETTLED_S: Final = 10.0
"""Some networks take a moment from a pod's start until they enforce what its policies say."""


class Porter:
    """Knows where the executor is and how to be let in; tells the keys once."""

    def __init__(self, *, door: tuple[str, int], token: str, keys: Mapping[str, str], output: Path) -> None:
        self._door = door
        self._token = token
        self._keys = dict(keys)
        self._keys_lock = threading.Lock()
        self._output = output
        self._network_open = False

    def watch_network(self, api: tuple[str, int]) -> None:
        """Find out whether anything keeps this pod from where it has no business: the cluster's API, say."""
        time.sleep(_SETTLED_S)
        self._network_open = reachable(api)

    def serve(self, listening: socket.socket) -> None:
        """Take in the agent's connections, for ever."""
        while True:
            client, _ = listening.accept()
            threading.Thread(target=self._take, args=(client,), daemon=True).start()

    def hand_out(self) -> None:
        """Answer what the executor asks about the output folder, whichever process of it asks, for ever."""
        while True:
            with contextlib.suppress(OSError), self._dial(PORTER_FILES, away_max_s=float("inf")) as there:
                there.settimeout(_QUIET_S)
                with there.makefile("rb") as questions:
                    for question in questions:
                        answer(json.loads(question), self._output, there, network_open=self._network_open)
            time.sleep(_PAUSE_S)

    def _take(self, client: socket.socket) -> None:
        # A broken connection is for the agent's HTTP client to tell of.
        with client, contextlib.suppress(OSError):
            head = _head(client)
            if head == KEYS_ASKED:
                client.sendall(self._keys_once())
                return
            with self._dial(PORTER_WAY_OUT, away_max_s=_AWAY_MAX_S) as there:
                there.sendall(head)
                back = threading.Thread(target=pump, args=(there, client), daemon=True)
                back.start()
                pump(client, there)
                back.join()

    def _keys_once(self) -> bytes:
        with self._keys_lock:
            keys, self._keys = self._keys, {}
        return json.dumps(keys).encode()

    def _dial(self, purpose: str, *, away_max_s: float) -> socket.socket:
        """A connection that the executor has accepted.  Raises OSError where it stays away."""
        deadline = time.monotonic() + away_max_s
        greeting = PORTER_GREETING.format(purpose=purpose, token=self._token).encode()
        while True:
            try:
                return _greeted(self._door, greeting)
            except OSError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE_S)


def reachable(address: tuple[str, int]) -> bool:
    """Somebody takes a connection there."""
    try:
        socket.create_connection(address, timeout=_CONNECT_S).close()
    except OSError:
        return False
    return True


def answer(
    question: dict[str, object], output: Path, there: socket.socket, *, network_open: bool = False
) -> None:
    """Send what was asked for: ``{"used": true}``, or ``{"read": name, "bytes_max": n}``.

    Each answer is a line of JSON: ``{"used_bytes": n, "network_open": bool}``, ``{"missing": true}``,
    ``{"refused": why}``, or ``{"bytes": n}`` with so many bytes behind it.
    """
    if "used" in question:
        _say(there, {"used_bytes": used_bytes(output), "network_open": network_open})
        return
    try:
        file = _opened(output, str(question["read"]))
    except FileNotFoundError:
        _say(there, {"missing": True})
        return
    except OSError as error:
        _say(there, {"refused": error.strerror or str(error)})
        return
    with file:
        found, bytes_max = os.fstat(file.fileno()), int(str(question["bytes_max"]))
        if not stat.S_ISREG(found.st_mode):
            _say(there, {"refused": "it is not a regular file"})
        elif found.st_size > bytes_max:
            _say(there, {"refused": f"it has {found.st_size} bytes, {bytes_max} are allowed"})
        else:
            _say(there, {"bytes": found.st_size})
            if found.st_size and there.sendfile(file, count=found.st_size) != found.st_size:
                raise OSError("the file became shorter")  # the connection's end tells of it


def used_bytes(folder: Path) -> int:
    """What the files below a folder take on the disk; no link is followed."""
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # it was there a moment ago
                total += os.lstat(f"{above}/{name}").st_blocks * _BLOCK_BYTES
    return total


def main() -> None:
    """Serve until the pod ends: SIGTERM is for the agent, whose files may still be asked for."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    host, _, port = os.environ[DOOR_VARIABLE].rpartition(":")
    given = Path(os.environ[PASS_VARIABLE])
    porter = Porter(
        door=(host.strip("[]"), int(port)),
        token=(given / "token").read_text(),
        keys=json.loads((given / "keys").read_text()),
        output=Path(os.environ["PODIUM_OUTPUT_DIR"]),
    )
    if path := os.environ.get(EGRESS_VARIABLE):
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(path)
        listening.listen()
        threading.Thread(target=porter.serve, args=(listening,), daemon=True).start()
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        api = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
        threading.Thread(target=porter.watch_network, args=(api,), daemon=True).start()
    porter.hand_out()


def _head(client: socket.socket) -> bytes:
    """The first bytes, enough of them to know whether the keys are asked for."""
    head = client.recv(_CHUNK_BYTES)
    while head != KEYS_ASKED and KEYS_ASKED.startswith(head) and (more := client.recv(_CHUNK_BYTES)):
        head += more
    return head


def _greeted(door: tuple[str, int], greeting: bytes) -> socket.socket:
    there = socket.create_connection(door, timeout=_CONNECT_S)
    try:
        there.sendall(greeting)
        welcome = b""
        while len(welcome) < len(PORTER_WELCOME):
            if not (more := there.recv(len(PORTER_WELCOME) - len(welcome))):
                raise ConnectionRefusedError("the executor does not know this pod")
            welcome += more
    except OSError:
        there.close()
        raise
    there.settimeout(None)
    return there


def _opened(folder: Path, name: str) -> BinaryIO:
    """A file of the folder itself; no link is followed and no pipe waited for."""
    above = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=above)
    finally:
        os.close(above)
    return os.fdopen(opened, "rb")


def _say(there: socket.socket, words: dict[str, object]) -> None:
    there.sendall(json.dumps(words).encode() + b"\n")


if __name__ == "__main__":
    main()
