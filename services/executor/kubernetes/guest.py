"""One attempt at its executor's door: its proxy, and what its porter answers about its files."""

from __future__ import annotations

import asyncio
from asyncio import IncompleteReadError
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from services.executor.egress_proxy import Proxy
from services.executor.runtime import FileMissingError, FileRefusedError, SandboxError

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

    from services.executor.egress import AllowList
    from services.executor.egress_told import Told

_AWAY_MAX_S: Final = 60.0
_USED_S: Final = 5.0
_READ_S: Final = 300.0

_log = structlog.get_logger(__name__)


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """See `agent.porter.answer`."""

    used_bytes: int | None = None
    network_open: bool = False
    missing: bool = False
    refused: str | None = None
    bytes: int = 0


class Guest:
    """An attempt whose porter is let in; `allowed` is where its agent may connect to, None: nowhere."""

    def __init__(self, name: str, *, allowed: AllowList | None, told: Told) -> None:
        self.told = told
        self._name = name
        self._proxy = Proxy(allowed, tell=told.tell) if allowed is not None else None
        self._files: tuple[StreamReader, StreamWriter] | None = None
        self._came = asyncio.Event()
        self._asking = asyncio.Lock()
        self._network_open = False
        self._closed = False

    def take_way_out(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve a connection of the agent's."""
        if self._proxy is None or self._closed:
            writer.close()
        else:
            self._proxy.take(reader, writer)

    def take_files(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Ask by this connection from now on."""
        if self._closed:
            writer.close()
            return
        self._drop_files()
        self._files = (reader, writer)
        self._came.set()

    async def used_bytes(self) -> int | None:
        """What the output folder takes on the disk, None where the porter does not say so soon."""
        if self._files is None:
            return None
        try:
            answer, _ = await self._ask({"used": True}, within_s=_USED_S)
        except TimeoutError:
            return None
        if answer.network_open and not self._network_open:
            self._network_open = True
            why = "it reached the cluster's API: nothing here enforces network policies"
            _log.warning("pod_network_open", container=self._name, why=why)
        return answer.used_bytes

    async def read(self, name: str, *, bytes_max: int) -> bytes:
        """See `Sandbox.read`."""
        try:
            question = {"read": name, "bytes_max": bytes_max}
            answer, data = await self._ask(question, bytes_max=bytes_max, within_s=_READ_S)
        except TimeoutError as error:
            message = f"{name} could not be read: the porter of {self._name} does not answer."
            raise SandboxError("files_unreachable", message, retryable=True) from error
        if answer.missing:
            raise FileMissingError(name)
        if answer.refused is not None:
            raise FileRefusedError(name, answer.refused)
        if answer.bytes > bytes_max:
            self._drop_files()  # what comes by it is no answer to the next question
            raise FileRefusedError(name, f"{answer.bytes} bytes came, {bytes_max} are allowed")
        return data

    async def close(self) -> None:
        """End all connections, and any that still comes."""
        self._closed = True
        self._drop_files()
        if self._proxy is not None:
            await self._proxy.close()
            sent, received = self._proxy.sent_bytes, self._proxy.received_bytes
            _log.info("egress_closed", container=self._name, sent_bytes=sent, received_bytes=received)

    async def _ask(
        self, question: dict[str, object], *, within_s: float, bytes_max: int = 0
    ) -> tuple[_Answer, bytes]:
        """The answer to one question at a time, by as many connections as it takes.

        Raises:
            TimeoutError: the porter stayed away for a minute, or gave no answer in time.
        """
        async with self._asking:
            answer = None
            try:
                async with asyncio.timeout(within_s):
                    while answer is None:
                        async with asyncio.timeout(_AWAY_MAX_S):
                            await self._came.wait()
                        answer = await self._answered(question, bytes_max)
            finally:
                if answer is None:  # given up: what still comes is no answer to the next question
                    self._drop_files()
            return answer

    async def _answered(self, question: dict[str, object], bytes_max: int) -> tuple[_Answer, bytes] | None:
        """The answer by the connection that there is, None where it broke."""
        assert self._files is not None
        reader, writer = self._files
        try:
            writer.write(msgspec.json.encode(question) + b"\n")
            await writer.drain()
            answer = msgspec.json.decode(await reader.readline(), type=_Answer)
            fits = answer.bytes <= bytes_max
            return answer, await reader.readexactly(answer.bytes) if fits else b""
        except (OSError, IncompleteReadError, ValueError, msgspec.MsgspecError) as error:
            _log.info("porter_connection_ended", container=self._name, error=repr(error))
            if self._files == (reader, writer):
                self._drop_files()
            return None

    def _drop_files(self) -> None:
        if self._files is not None:
            self._files[1].close()
        self._files = None
        self._came.clear()
