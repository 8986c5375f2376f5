"""Log lines of attempts in a JetStream stream of their own: bounded, never the log of record.

The executor writes, the gateway reads.  When the stream is full, or a job has had its share, the oldest
lines go; while the broker is away, lines may be lost.  What happened to a job is told by its events alone.
"""

from __future__ import annotations

import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, DiscardPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from events import subjects
from services.log_line import decode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription
    from nats.js import JetStreamContext

    from services.log_line import LogLine

LINES_OF_JOB_MAX: Final = 30_000
"""Three attempts that say all that they may."""
_DAY_S: Final = 86_400
_ANSWER_S: Final = 5.0
_BATCH: Final = 500
_READING: Final = ConsumerConfig(
    deliver_policy=DeliverPolicy.ALL,
    ack_policy=AckPolicy.NONE,
    inactive_threshold=30.0,
    mem_storage=True,
    num_replicas=1,
)

_log = structlog.get_logger(__name__)


class LogLinesError(Exception):
    """The lines cannot be read now."""


async def ensure_log_stream(js: JetStreamContext, *, bytes_max: int, days: float, replicas: int = 1) -> None:
    """Make the stream, or let the one that is there keep `bytes_max` bytes for `days` days (0: for ever)."""
    wanted = StreamConfig(
        name=subjects.LOG_STREAM,
        subjects=[subjects.ALL_LOGS],
        storage=StorageType.FILE,
        num_replicas=replicas,
        discard=DiscardPolicy.OLD,
        max_bytes=bytes_max,
        max_age=days * _DAY_S,
        max_msgs_per_subject=LINES_OF_JOB_MAX,
    )
    try:
        found = (await js.stream_info(subjects.LOG_STREAM)).config
    except NotFoundError:
        await js.add_stream(wanted)
        return
    if (found.max_bytes, found.max_age) != (wanted.max_bytes, wanted.max_age):
        await js.update_stream(found.evolve(max_bytes=wanted.max_bytes, max_age=wanted.max_age))


class LogLines:
    """The stream, over a connection."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self._js = connection.jetstream(timeout=_ANSWER_S)

    async def write(self, job_id: str, line: LogLine) -> None:
        """Send a line on its way, without waiting to hear that it was stored."""
        try:
            await self._connection.publish(subjects.logs_of(job_id), msgspec.json.encode(line))
        except (NatsError, OSError) as error:
            _log.warning("log_line_lost", number=line.number, error=repr(error))

    async def last_number(self, job_id: str, attempt: int) -> int:
        """The number of the newest stored line of a job's attempt; 0 where there is none.

        Raises:
            LogLinesError: the broker did not answer.
        """
        of_attempt, number = await self.last_place(job_id)
        return number if of_attempt == attempt else 0

    async def last_place(self, job_id: str) -> tuple[int, int]:
        """The place of the newest stored line of a job; (0, 0) where there is none.

        Raises:
            LogLinesError: the broker did not answer.
        """
        try:
            last = await self._js.get_last_msg(subjects.LOG_STREAM, subjects.logs_of(job_id))
        except NotFoundError:
            return 0, 0
        except (NatsError, TimeoutError, OSError) as error:
            raise LogLinesError(f"reading the last line: {error!r}") from error
        return decode(last.data or b"").place

    async def stored(self, job_id: str) -> AsyncIterator[LogLine]:
        """All lines of a job that are kept, in the order of their writing.

        Raises:
            LogLinesError: the broker did not answer, or stopped in the middle.
        """
        try:
            async for message in self._messages(subjects.logs_of(job_id)):
                yield decode(message.data)
        except NotFoundError:  # no executor has made the stream yet
            return
        except (NatsError, TimeoutError, OSError) as error:
            raise LogLinesError(f"reading the lines of {job_id}: {error!r}") from error

    @asynccontextmanager
    async def live(self, job_id: str) -> AsyncIterator[Subscription]:
        """The lines of a job as they are written from now on; those of an outage are missing."""
        subscription = await self._connection.subscribe(subjects.logs_of(job_id))
        try:
            yield subscription
        finally:
            with contextlib.suppress(NatsError, OSError):  # a connection that is gone has no subscriptions
                await subscription.unsubscribe()

    async def _messages(self, subject: str) -> AsyncIterator[Msg]:
        reading = await self._js.pull_subscribe(subject, stream=subjects.LOG_STREAM, config=_READING)
        try:
            left = (await reading.consumer_info()).num_pending or 0
            while left > 0:
                messages = await reading.fetch(min(left, _BATCH), timeout=_ANSWER_S)
                for message in messages:
                    yield message
                left = min(left - len(messages), messages[-1].metadata.num_pending)
        finally:
            with contextlib.suppress(NatsError, TimeoutError, OSError):  # the broker forgets it by itself
                await reading.unsubscribe()
