"""Reading the stream in order: one short-lived push consumer, opened anew wherever it falls silent or skips.

An ordered consumer of our own, because the library's neither reports how much is left to read nor lets a
reader take all that has arrived at once.  Source: JetStream flow control and idle heartbeats,
https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-15.md
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from itertools import starmap
from typing import TYPE_CHECKING, Final

import structlog
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from events import subjects
from events.cancellation import heed_cancel
from events.log import Batch, UnavailableError
from events.places import place_of
from events.recorded import Unreadable
from events.stored import read

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from events.places import Place
    from events.recorded import Recorded

_IDLE_S: Final = 0.25
_HEARTBEAT_S: Final = 1.0
_SILENCE_S: Final = 3.0
_INACTIVE_S: Final = 30.0
_REOPEN_S: Final = 0.5
_READ_S: Final = 5.0
# Large enough that a projector which catches up writes a job's row once for many of its events: a fifth of
# this cost it a quarter of its speed.
_BATCH_MAX: Final = 5000
_REQUEST_S: Final = 5.0

_log = structlog.get_logger(__name__)


class _GapError(Exception):
    """A message is missing, or the server has gone quiet: open the consumer again."""


class _Consumer:
    """One ephemeral push consumer and the messages that have come from it."""

    def __init__(self, connection: Client, stream: str) -> None:
        self._connection = connection
        self._stream = stream
        self._arrived: deque[Msg] = deque()
        self._something = asyncio.Event()
        self._subscription: Subscription | None = None
        self._delivered = 0
        self._name = ""
        self._heard_at = 0.0

    async def open(self, *, after: int, subject: str) -> int:
        """Start delivery past a sequence; the number of messages that wait to be delivered."""
        inbox = self._connection.new_inbox()
        self._subscription = await self._connection.subscribe(
            inbox, cb=self._on_message, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
        config = ConsumerConfig(
            deliver_subject=inbox,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=after + 1,
            filter_subject=subject,
            ack_policy=AckPolicy.NONE,
            max_deliver=1,
            flow_control=True,
            idle_heartbeat=_HEARTBEAT_S,
            inactive_threshold=_INACTIVE_S,
            mem_storage=True,
            num_replicas=1,
        )
        info = await self._connection.jsm().add_consumer(self._stream, config, timeout=_REQUEST_S)
        self._name = info.name
        self._heard_at = asyncio.get_running_loop().time()
        return info.num_pending or 0

    async def close(self) -> None:
        """Stop delivery; a server that cannot be told forgets the consumer by itself."""
        with contextlib.suppress(NatsError, TimeoutError, OSError):
            if self._subscription is not None:
                await self._subscription.unsubscribe()
            if self._name:
                await self._connection.jsm().delete_consumer(self._stream, self._name)

    async def take(self, *, wait_s: float) -> list[tuple[Place, Msg]]:
        """All messages that have arrived, at most a batch; waits for the first one, in vain maybe.

        Raises:
            _GapError: a message was skipped, or not even a heartbeat came for too long.
        """
        # Whoever has a long history to read leaves nobody else a turn, the one who reads the socket included.
        await asyncio.sleep(0)
        if not self._arrived:
            self._something.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._something.wait()
        if asyncio.get_running_loop().time() - self._heard_at > _SILENCE_S:
            raise _GapError("no heartbeat")
        taken: list[tuple[Place, Msg]] = []
        while self._arrived and len(taken) < _BATCH_MAX:
            message = self._arrived.popleft()
            if message.headers and message.headers.get("Status"):
                self._check_last(message)
                await self._answer(message)
                continue
            self._delivered += 1
            place = place_of(message.reply)
            if place.delivered != self._delivered:
                raise _GapError(f"message {self._delivered} of {self._name} did not come")
            taken.append((place, message))
        return taken

    async def _on_message(self, message: Msg) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        self._arrived.append(message)
        self._something.set()

    def _check_last(self, status: Msg) -> None:
        """See that all came that a heartbeat says was sent: nothing may follow that would show a gap.

        Raises:
            _GapError: the last ones were lost, with the connection that they came by.
        """
        sent = (status.headers or {}).get("Nats-Last-Consumer")
        if sent is not None and int(sent) != self._delivered:
            raise _GapError(f"of {sent} messages {self._delivered} came")

    async def _answer(self, status: Msg) -> None:
        """Let a stalled server go on: flow control asks for a reply once what came before was read."""
        stalled = (status.headers or {}).get("Nats-Consumer-Stalled")
        reply = status.reply or stalled
        if reply:
            await self._connection.publish(reply)


async def follow(connection: Client, *, after: int) -> AsyncIterator[Batch]:
    """Every event past a sequence, for ever; see `events.log.Log.follow`."""
    async for taken, caught_up in messages(connection, subjects.STREAM, subjects.ALL_EVENTS, after=after):
        batch = Batch(records=tuple(starmap(record_of, taken)), caught_up=caught_up)
        _report(batch)
        yield batch


async def messages(
    connection: Client, stream: str, subject: str, *, after: int
) -> AsyncGenerator[tuple[list[tuple[Place, Msg]], bool]]:
    """Every message of a subject of a stream past a sequence, for ever, with whether these were the last.

    Nothing comes with nothing new about four times a second; see `events.log.Log.follow`.
    """
    while True:
        consumer = _Consumer(connection, stream)
        try:
            caught_up = await consumer.open(after=after, subject=subject) == 0
            while True:
                heed_cancel()
                taken = await consumer.take(wait_s=_IDLE_S)
                if taken:
                    newest, _ = taken[-1]
                    after, caught_up = newest.sequence, newest.pending == 0
                yield taken, caught_up
        except (_GapError, NatsError, TimeoutError, OSError) as error:
            _log.warning("feed_reopened", after=after, reason=repr(error))
            await asyncio.sleep(_REOPEN_S)
        finally:
            await consumer.close()


async def read_all(connection: Client, *, subject: str) -> list[Recorded]:
    """All stored events of a subject, in order.

    Raises:
        UnavailableError: the server did not answer, or stopped in the middle.
    """
    return list(starmap(record_of, await stored(connection, subjects.STREAM, subject)))


async def stored(connection: Client, stream: str, subject: str) -> list[tuple[Place, Msg]]:
    """All messages of a subject that a stream holds, in order.

    Raises:
        UnavailableError: the server did not answer, or stopped in the middle.
    """
    consumer = _Consumer(connection, stream)
    found: list[tuple[Place, Msg]] = []
    try:
        async with asyncio.timeout(_READ_S):
            pending = await consumer.open(after=0, subject=subject)
            while len(found) < pending:
                found += await consumer.take(wait_s=_READ_S)
    except (_GapError, NatsError, TimeoutError, OSError) as error:
        raise UnavailableError(f"reading {subject}: {error!r}") from error
    finally:
        await consumer.close()
    return found


def record_of(place: Place, message: Msg) -> Recorded:
    """What a message of the stream of record is."""
    return read(
        message.subject,
        message.data,
        message.headers or {},
        sequence=place.sequence,
        stored_at=place.stored_at,
    )


def _report(batch: Batch) -> None:
    """A follower passes each place of the log once, so it says there what nobody can read."""
    for record in batch.unreadable:
        assert isinstance(record.event, Unreadable)
        _log.error(
            "event_unreadable",
            job_id=record.event.job_id,
            event_type=record.event.event_type,
            sequence=record.sequence,
            reason=record.event.reason,
        )
