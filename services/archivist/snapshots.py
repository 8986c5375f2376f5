"""A stream as one piece of data and back: messages with their sequences, times, headers; its consumers.

The server makes and takes it whole, and checks each message's checksum on the way out.  Source: JetStream's
snapshot and restore, as ``nats stream backup`` uses them
(https://docs.nats.io/running-a-nats-service/nats_admin/jetstream_admin/disaster_recovery).
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from services.archivist.errors import ArchivistError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from nats.aio.client import Client

_ANSWER_S: Final = 30.0
_CHUNK_BYTES: Final = 256 * 1024
# The server gives up where one piece takes it more than 5 s, and syncs every message in it.
_PUT_BYTES: Final = 16 * 1024
_END_OF_SNAPSHOT: Final = "204"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream holds: messages, their bytes, the sequences of the first and the last."""

    messages: int
    bytes: int
    first_seq: int
    last_seq: int
    consumer_count: int = 0


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A stream's configuration, as JetStream's API has it, and its state."""

    config: dict[str, Any]
    state: dict[str, Any]

    @property
    def holds(self) -> State:
        """The state, read."""
        return msgspec.convert(self.state, State)


class _Refusal(msgspec.Struct, frozen=True):
    description: str = ""


class _Answer(msgspec.Struct, frozen=True):
    config: dict[str, Any] = {}
    state: dict[str, Any] = {}
    deliver_subject: str = ""
    error: _Refusal | None = None


async def shape_of(connection: Client, stream: str) -> Shape | None:
    """A stream as it is, None where there is none.

    Raises:
        ArchivistError: the server did not answer.
    """
    async with _told(f"asking for the stream {stream}"):
        answer = await connection.request(f"$JS.API.STREAM.INFO.{stream}", b"", timeout=_ANSWER_S)
        found = msgspec.json.decode(answer.data, type=_Answer)
    return None if found.error else Shape(config=found.config, state=found.state)


async def readers_of(connection: Client, stream: str) -> int:
    """How many consumers of a stream somebody waits at; 0 where there is no such stream.

    Raises:
        ArchivistError: the server did not answer.
    """
    async with _told(f"asking who reads {stream}"):
        try:
            found = await connection.jsm().consumers_info(stream)
        except NotFoundError:
            return 0
    return sum(bool(one.push_bound or one.num_waiting) for one in found)


async def remove(connection: Client, stream: str) -> None:
    """Delete a stream with all that is in it; one that is not there is no error.

    Raises:
        ArchivistError: the server did not do it.
    """
    async with _told(f"deleting the stream {stream}"):
        try:
            await connection.jsm().delete_stream(stream)
        except NotFoundError:
            return


async def take(connection: Client, stream: str, write: Callable[[bytes], object]) -> Shape:
    """Write a stream as it is now, chunk by chunk; others may write to it meanwhile.

    Raises:
        ArchivistError: the server gave up, or does not answer; what was written is not whole.
    """
    inbox = connection.new_inbox()
    async with _told(f"copying the stream {stream}"):
        chunks = await connection.subscribe(inbox, pending_msgs_limit=-1, pending_bytes_limit=-1)
        try:
            wanted = {"deliver_subject": inbox, "chunk_size": _CHUNK_BYTES, "jsck": True}
            begun = await _ask(connection, f"$JS.API.STREAM.SNAPSHOT.{stream}", msgspec.json.encode(wanted))
            while True:
                chunk = await chunks.next_msg(timeout=_ANSWER_S)
                if not chunk.data:
                    status = (chunk.headers or {}).get("Status", _END_OF_SNAPSHOT)
                    if status != _END_OF_SNAPSHOT:
                        raise ArchivistError(f"the server stopped copying {stream}: {chunk.headers}")
                    return Shape(config=begun.config, state=begun.state)
                write(chunk.data)
                if chunk.reply:
                    await connection.publish(chunk.reply, b"")
        finally:
            await chunks.unsubscribe()


async def put(connection: Client, shape: Shape, chunks: Iterable[bytes], *, replicas: int) -> State:
    """Make a stream of what `take` wrote, with as many replicas as are wanted; what it holds then.

    Raises:
        ArchivistError: there is such a stream, or the server did not take it.
    """
    stream = shape.config["name"]
    wanted = {"config": {**shape.config, "num_replicas": replicas}, "state": shape.state}
    async with _told(f"putting back the stream {stream}"):
        begun = await _ask(connection, f"$JS.API.STREAM.RESTORE.{stream}", msgspec.json.encode(wanted))
        for chunk in chunks:
            for at in range(0, len(chunk), _PUT_BYTES):
                await _ask(connection, begun.deliver_subject, chunk[at : at + _PUT_BYTES])
        ended = await _ask(connection, begun.deliver_subject, b"")
    return msgspec.convert(ended.state, State)


async def _ask(connection: Client, subject: str, payload: bytes) -> _Answer:
    answer = await connection.request(subject, payload, timeout=_ANSWER_S)
    found = msgspec.json.decode(answer.data or b"{}", type=_Answer)
    if found.error:
        raise ArchivistError(f"the server refused {subject}: {found.error.description}")
    return found


@asynccontextmanager
async def _told(doing: str) -> AsyncIterator[None]:
    try:
        yield
    except (NatsError, TimeoutError, OSError, msgspec.MsgspecError) as error:
        raise ArchivistError(f"{doing}: NATS does not answer as it should ({error!r})") from error
