"""Where the porters of an executor's attempts come in, over TCP; each is known by the digest of its token."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from typing import TYPE_CHECKING, Final

import structlog

from events.progress import PORTER_FILES, PORTER_GREETING, PORTER_WAY_OUT, PORTER_WELCOME
from services.executor.egress_proxy import HEAD_BYTES_MAX

if TYPE_CHECKING:
    from asyncio import Server, StreamReader, StreamWriter

    from services.executor.kubernetes.guest import Guest

_GREETING_S: Final = 10.0
_UNGREETED_MAX: Final = 256
"""Connections of which nobody knows yet whose they are."""
_WORD: Final = PORTER_GREETING.split(" ", 1)[0]

_log = structlog.get_logger(__name__)


def digest_of(token: str) -> str:
    """By what a token is known: whoever reads it cannot come in by it."""
    return hashlib.sha256(token.encode()).hexdigest()


class Door:
    """Open between `open` and `close`; who is let in is said by `let_in` and `forget`."""

    def __init__(self) -> None:
        self._guests: dict[str, Guest] = {}
        self._ungreeted: set[asyncio.Task[None]] = set()
        self._server: Server | None = None
        self._closed = False

    async def open(self, port: int) -> None:
        """Listen on every address of this machine.

        Raises:
            OSError: the port cannot be had.
        """
        # One socket for both families: two would have two ports where any will do.
        if socket.has_dualstack_ipv6():
            listening = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        else:
            listening = socket.create_server(("", port))
        self._server = await asyncio.start_server(self._take, sock=listening, limit=HEAD_BYTES_MAX)

    @property
    def port(self) -> int:
        """The port listened to: the one asked for, or what there was for 0."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def let_in(self, token_sha256: str, guest: Guest) -> None:
        """Whoever shows the token of this digest is the guest's porter."""
        self._guests[token_sha256] = guest

    def guest(self, token_sha256: str) -> Guest | None:
        """Who is let in by that token."""
        return self._guests.get(token_sha256)

    async def forget(self, token_sha256: str) -> None:
        """End the guest's connections, and let nobody in by that token; nothing happens where nobody is."""
        if (guest := self._guests.pop(token_sha256, None)) is not None:
            await guest.close()

    async def close(self) -> None:
        """End all connections and listen no more."""
        self._closed = True  # what was accepted a moment ago may still come
        if self._server is not None:
            self._server.close()
        for task in list(self._ungreeted):
            task.cancel()
        await asyncio.gather(*self._ungreeted, return_exceptions=True)
        for digest in list(self._guests):
            await self.forget(digest)

    def _take(self, reader: StreamReader, writer: StreamWriter) -> None:
        if self._closed or len(self._ungreeted) >= _UNGREETED_MAX:
            writer.close()
            return

        def greeted(task: asyncio.Task[None]) -> None:
            self._ungreeted.discard(task)
            if task.cancelled():  # perhaps before its first step, which could have closed nothing
                writer.close()

        task = asyncio.create_task(self._greet(reader, writer))
        self._ungreeted.add(task)
        task.add_done_callback(greeted)

    async def _greet(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Hand the connection on to its guest, or end it."""
        guest, purpose = None, ""
        try:
            async with asyncio.timeout(_GREETING_S):
                word, purpose, token = (await reader.readline()).decode("ascii").split()
            guest = self._guests.get(digest_of(token)) if word == _WORD else None
            if guest is not None:
                writer.write(PORTER_WELCOME)
                await writer.drain()
        except (OSError, ValueError) as error:  # a TimeoutError is an OSError, a wrong encoding a ValueError
            _log.info("door_greeting_failed", error=repr(error))
            guest = None
        if guest is not None and purpose == PORTER_WAY_OUT:
            guest.take_way_out(reader, writer)
        elif guest is not None and purpose == PORTER_FILES:
            guest.take_files(reader, writer)
        else:
            writer.close()
