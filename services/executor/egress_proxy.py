"""One attempt's proxy: connects where the allow-list lets it, by addresses that it has looked at itself."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Final

import structlog

from events.progress import KEYS_ASKED
from services.executor.egress import RefusedError
from services.executor.egress_request import read_request

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter, Timeout
    from collections.abc import Awaitable, Callable, Mapping

    from services.executor.egress import AllowList, Endpoint

HEAD_BYTES_MAX: Final = 64 * 1024
CONNECTIONS_MAX: Final = 32
_HEAD_S: Final = 30.0
_CONNECT_S: Final = 10.0
_IDLE_S: Final = 180.0
_CHUNK_BYTES: Final = 64 * 1024

_log = structlog.get_logger(__name__)


async def resolved(endpoint: Endpoint) -> list[str]:
    """The addresses of an endpoint's host, as this machine's resolver gives them."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    return [str(place[4][0]) for place in found]


class Proxy:
    """Serves connections; `tell` gets a sentence for each that is refused.

    `keys` are told to the first who asks for them: the agent, before it starts anything.
    `sent_bytes` and `received_bytes` are what all of them carried to and from other hosts.
    """

    def __init__(
        self,
        allowed: AllowList,
        *,
        tell: Callable[[str], None],
        keys: Mapping[str, str] | None = None,
        resolve: Callable[[Endpoint], Awaitable[list[str]]] = resolved,
    ) -> None:
        self.sent_bytes = 0
        self.received_bytes = 0
        self._allowed = allowed
        self._tell = tell
        self._keys = keys
        self._resolve = resolve
        self._open: set[asyncio.Task[None]] = set()

    def take(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve a connection, in a task of its own."""

        def served(task: asyncio.Task[None]) -> None:
            self._open.discard(task)
            writer.close()  # here, since a task that is cancelled before its first step could not

        task = asyncio.create_task(self._serve(reader, writer, full=len(self._open) >= CONNECTIONS_MAX))
        self._open.add(task)
        task.add_done_callback(served)

    async def close(self) -> None:
        """End all connections."""
        for task in (tasks := list(self._open)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: StreamReader, writer: StreamWriter, *, full: bool) -> None:
        try:
            try:
                await self._lead(reader, writer, full=full)
            except RefusedError as refused:
                self._tell(str(refused))
                writer.write(_answer(refused.status, str(refused)))
                await writer.drain()
        except (OSError, EOFError, TimeoutError) as error:  # an end that any connection may have
            _log.info("egress_connection_ended", error=repr(error))

    async def _lead(self, reader: StreamReader, writer: StreamWriter, *, full: bool) -> None:
        if full:
            raise RefusedError(f"more than {CONNECTIONS_MAX} connections at once", status=503)
        try:
            async with asyncio.timeout(_HEAD_S):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise RefusedError(f"a request's head has more than {HEAD_BYTES_MAX} bytes", status=431) from None
        if head == KEYS_ASKED:
            keys, self._keys = self._keys, None
            writer.write(json.dumps(dict(keys or {})).encode())
            await writer.drain()
            return
        request = read_request(head)
        there_reader, there_writer = await self._connected(request.endpoint)
        try:
            if request.head is None:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                there_writer.write(request.head)
            await self._carry((reader, writer), (there_reader, there_writer))
        finally:
            there_writer.close()

    async def _connected(self, endpoint: Endpoint) -> tuple[StreamReader, StreamWriter]:
        """A connection to an address that was judged: asking for the name again could give another.

        Raises:
            RefusedError: it is not allowed, or none answers.
        """
        self._allowed.check(endpoint)
        trouble: OSError | None = None
        try:
            async with asyncio.timeout(_CONNECT_S):
                addresses = await self._resolve(endpoint)
        except OSError as error:  # a TimeoutError is one
            raise RefusedError(f"{endpoint} has no address here: {error!r}", status=502) from error
        for address in dict.fromkeys(self._allowed.usable(endpoint, addresses)):
            try:
                async with asyncio.timeout(_CONNECT_S):
                    return await asyncio.open_connection(address, endpoint.port)
            except OSError as error:
                trouble = error
        raise RefusedError(f"{endpoint} does not answer: {trouble!r}", status=502)

    async def _carry(
        self, here: tuple[StreamReader, StreamWriter], there: tuple[StreamReader, StreamWriter]
    ) -> None:
        """Carry bytes both ways until both ends are done, or nothing came from either for a while."""

        def sent(size: int) -> None:
            self.sent_bytes += size

        def received(size: int) -> None:
            self.received_bytes += size

        async with asyncio.timeout(_IDLE_S) as limit:
            ways = [
                asyncio.create_task(_pump(here[0], there[1], limit, sent)),
                asyncio.create_task(_pump(there[0], here[1], limit, received)),
            ]
            try:
                await asyncio.gather(*ways)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)


async def _pump(
    reader: StreamReader, writer: StreamWriter, limit: Timeout, count: Callable[[int], None]
) -> None:
    while chunk := await reader.read(_CHUNK_BYTES):
        limit.reschedule(asyncio.get_running_loop().time() + _IDLE_S)
        count(len(chunk))
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()


def _answer(status: int, message: str) -> bytes:
    body = f"{message}\n".encode()
    head = f"HTTP/1.1 {status} Refused\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body
