"""The agent's way out of a container that has no network: from a loopback port to the executor's proxy.

HTTP libraries speak to a proxy over TCP, and all that a container shares with its executor is a folder with a
socket in it.  Nothing is looked at here: what may be reached is for the executor to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Final

from agent.settings import EGRESS_VARIABLE

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import MutableMapping

_AWAY_MAX_S: Final = 60.0
"""How long an executor may be away that is started again."""
_PAUSE_S: Final = 0.25
_CHUNK_BYTES: Final = 65_536


def lead_out(environment: MutableMapping[str, str]) -> None:
    """Start the relay where the environment names the executor's socket, and let HTTP clients know of it.

    Everything goes through it, whatever a NO_PROXY says: there is no other way.
    """
    path = environment.pop(EGRESS_VARIABLE, "")
    if not path:
        return
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: asyncio.run(_serve(listening, path)), daemon=True, name="relay")
    thread.start()
    for name in ("all_proxy", "no_proxy"):
        environment.pop(name, None)
        environment.pop(name.upper(), None)
    for name in ("http_proxy", "https_proxy"):
        environment[name] = environment[name.upper()] = f"http://127.0.0.1:{listening.getsockname()[1]}"


async def _serve(listening: socket.socket, path: str) -> None:
    async def take(reader: StreamReader, writer: StreamWriter) -> None:
        # A broken connection is for the HTTP client to tell of; all there is to do here is to pass it on.
        with contextlib.closing(writer), contextlib.suppress(OSError):
            there_reader, there_writer = await _connected(path)
            with contextlib.closing(there_writer):
                await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))

    async with await asyncio.start_server(take, sock=listening) as server:
        await server.serve_forever()


async def _connected(path: str) -> tuple[StreamReader, StreamWriter]:
    """A connection to the executor; one that was killed may be back in a moment.

    Raises OSError where it stays away.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _AWAY_MAX_S
    while True:
        try:
            return await asyncio.open_unix_connection(path)
        except (ConnectionRefusedError, FileNotFoundError):
            if loop.time() > deadline:
                raise
        await asyncio.sleep(_PAUSE_S)


async def _pump(reader: StreamReader, writer: StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()
