"""The agent's way out of a container that has no network: from a loopback port to the executor's proxy.

HTTP libraries speak to a proxy over TCP, and all that a container shares with its executor is a folder with a
socket in it.  Nothing is looked at here: what may be reached is for the executor to say.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Final

from agent.settings import EGRESS_VARIABLE
from events.progress import KEPT_BACK, KEYS_ASKED

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_AWAY_MAX_S: Final = 60.0
"""How long an executor may be away that is started again."""
_PAUSE_S: Final = 0.25
_CHUNK_BYTES: Final = 65_536


def lead_out(environment: MutableMapping[str, str]) -> None:
    """Start the relay where the environment names the executor's socket, and let HTTP clients know of it.

    Everything goes through it, whatever a NO_PROXY says: there is no other way.  The keys that the
    environment does not hold are asked for at the socket.
    """
    path = environment.pop(EGRESS_VARIABLE, "")
    if not path:
        return
    if KEPT_BACK in environment.values():
        environment.update(_keys(path))
    listening = socket.create_server(("127.0.0.1", 0))
    # Threads, not asyncio, which takes longer to import than all else before the first message.
    threading.Thread(target=_serve, args=(listening, path), daemon=True, name="relay").start()
    for name in ("all_proxy", "no_proxy"):
        environment.pop(name, None)
        environment.pop(name.upper(), None)
    for name in ("http_proxy", "https_proxy"):
        environment[name] = environment[name.upper()] = f"http://127.0.0.1:{listening.getsockname()[1]}"


def _keys(path: str) -> dict[str, str]:
    """The secret variables, by name.  Raises OSError where the executor stays away."""
    with _connected(path) as there:
        there.sendall(KEYS_ASKED)
        there.shutdown(socket.SHUT_WR)
        found: dict[str, str] = json.loads(b"".join(iter(lambda: there.recv(_CHUNK_BYTES), b"")) or b"{}")
        return found


def _serve(listening: socket.socket, path: str) -> None:
    while True:
        client, _ = listening.accept()
        threading.Thread(target=_take, args=(client, path), daemon=True).start()


def _take(client: socket.socket, path: str) -> None:
    # A broken connection is for the HTTP client to tell of; all there is to do here is to pass it on.
    with client, contextlib.suppress(OSError), _connected(path) as there:
        back = threading.Thread(target=pump, args=(there, client), daemon=True)
        back.start()
        pump(client, there)
        back.join()


def _connected(path: str) -> socket.socket:
    """A connection to the executor; one that was killed may be back in a moment.

    Raises OSError where it stays away.
    """
    deadline = time.monotonic() + _AWAY_MAX_S
    while True:
        there = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            there.connect(path)
        except OSError as error:
            there.close()
            away = isinstance(error, ConnectionRefusedError | FileNotFoundError)
            if not away or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
        else:
            return there


def pump(source: socket.socket, target: socket.socket) -> None:
    """Pass on all there is; at its end, or where either breaks, the target hears that there is no more."""
    with contextlib.suppress(OSError):
        while chunk := source.recv(_CHUNK_BYTES):
            target.sendall(chunk)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
