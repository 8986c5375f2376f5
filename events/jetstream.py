"""The log on NATS JetStream: one stream, one message an event, the broker itself refusing stale writers.

Source: optimistic append by the headers ``Nats-Expected-Last-Subject-Sequence``, ``…-Sequence-Subject`` and
``Nats-Expected-Last-Sequence``
(https://docs.nats.io/nats-concepts/jetstream/headers); CloudEvents 1.0, NATS binding, binary mode.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import msgspec
from nats.errors import Error as NatsError
from nats.js.api import DiscardPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from events import catalogue, subjects
from events.feed import follow, read_all
from events.log import ConflictError, Extent, LogAt, UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from nats.aio.client import Client
    from nats.js import JetStreamContext

    from events.catalogue import Event
    from events.log import Batch, Expectation
    from events.recorded import Recorded

_WRONG_LAST_SEQUENCE: Final = frozenset({10071, 10164})
_ACK_S: Final = 2.0
_TRIES: Final = 3
_STALE_TRIES: Final = 20
_STALE_PAUSE_S: Final = 0.1


class _Refusal(msgspec.Struct, frozen=True):
    err_code: int = 0
    description: str = ""


class _Answer(msgspec.Struct, frozen=True):
    """What JetStream answers to a publish: where the message is, or why it is not stored."""

    seq: int = 0
    error: _Refusal | None = None


_answers: Final = msgspec.json.Decoder(_Answer)


def _wall_clock() -> datetime:
    return datetime.now(UTC)


async def ensure_stream(js: JetStreamContext, *, replicas: int = 1) -> None:
    """Make the stream of record where there is none; no single event can be deleted from it then.

    What `podium archive` has copied to files can be purged.
    """
    try:
        await js.stream_info(subjects.STREAM)
    except NotFoundError:
        await js.add_stream(
            StreamConfig(
                name=subjects.STREAM,
                subjects=[subjects.ALL_EVENTS],
                storage=StorageType.FILE,
                num_replicas=replicas,
                discard=DiscardPolicy.NEW,
                deny_delete=True,
            )
        )


class JetStreamLog:
    """A `events.log.Log` over a connection; `source` names this process in every event it writes."""

    def __init__(
        self, connection: Client, *, source: str, clock: Callable[[], datetime] = _wall_clock
    ) -> None:
        self._connection = connection
        self._js = connection.jetstream(timeout=_ACK_S)
        self._source = source
        self._clock = clock

    async def append(self, event: Event, *, expect: Expectation) -> int:
        """See `events.log.Log.append`.

        A lost acknowledgement is asked for again under the same message id, so one call stores at most
        one event.
        """
        event_id = uuid4().hex
        headers = self._headers(event, event_id, expect)
        subject, payload = subjects.of_event(event), catalogue.encode(event)
        for _ in range(_TRIES):
            try:
                # What `JetStreamContext.publish` does, at half its cost: its reader of answers is slow.
                answer = await self._connection.request(subject, payload, timeout=_ACK_S, headers=headers)
                ack = _answers.decode(answer.data)
            except (NatsError, TimeoutError, OSError, msgspec.MsgspecError) as error:
                last = error
                continue
            if ack.error is None:
                return ack.seq
            if ack.error.err_code in _WRONG_LAST_SEQUENCE:
                return await self._own_or_conflict(event, event_id, ack.error.description)
            raise UnavailableError(f"JetStream refused the event: {ack.error.description}")
        raise UnavailableError(f"no acknowledgement from JetStream: {last!r}") from last

    async def read_job(self, job_id: str) -> list[Recorded]:
        """See `events.log.Log.read_job`; a replica that lags is not believed that there is no such job."""
        subject = subjects.of_job(job_id)
        records = await read_all(self._connection, subject=subject)
        tries = 0
        while not records and await self._leader_has(subject):
            if tries == _STALE_TRIES:
                raise UnavailableError(f"what was read of {subject} is from before its first event")
            tries += 1
            await asyncio.sleep(_STALE_PAUSE_S)
            records = await read_all(self._connection, subject=subject)
        return records

    async def _leader_has(self, subject: str) -> bool:
        """The stream's leader, which no replica is ahead of, holds something there."""
        try:
            await self._js.get_last_msg(subjects.STREAM, subject)
        except NotFoundError:
            return False
        except (NatsError, TimeoutError, OSError) as error:
            raise UnavailableError(f"no answer from JetStream: {error!r}") from error
        return True

    async def extent(self) -> Extent:
        """Which log it is, and where it ends; a stream that was deleted and made again is another log.

        Raises:
            UnavailableError: the server did not answer, or has no such stream.
        """
        try:
            info = await self._js.stream_info(subjects.STREAM)
        except (NatsError, TimeoutError, OSError) as error:
            raise UnavailableError(f"no answer from JetStream: {error!r}") from error
        return Extent(identity=f"{info.created:%Y-%m-%dT%H:%M:%S.%f}Z", last=info.state.last_seq)

    async def follow(self, *, after: int) -> AsyncIterator[Batch]:
        """See `events.log.Log.follow`."""
        async for batch in follow(self._connection, after=after):
            yield batch

    def _headers(self, event: Event, event_id: str, expect: Expectation) -> dict[str, str]:
        return {
            "Nats-Msg-Id": event_id,
            **_expectation(event, expect),
            "ce-specversion": "1.0",
            "ce-id": event_id,
            "ce-type": f"podium.{type(event).__name__}",
            "ce-source": self._source,
            "ce-subject": event.job_id,
            "ce-time": self._clock().isoformat(),
            "ce-dataschema": catalogue.schema_id(type(event)),
            "content-type": "application/json",
        }

    async def _own_or_conflict(self, event: Event, event_id: str, reason: str) -> int:
        """The sequence of our own event, where a retry was refused because the first try had been stored.

        One server answers a repeated id with "wrong last sequence" rather than "duplicate".
        """
        try:
            last = await self._js.get_last_msg(subjects.STREAM, subjects.of_event(event))
        except NotFoundError as error:
            raise ConflictError(reason) from error
        except (NatsError, TimeoutError, OSError) as lost:
            raise UnavailableError(f"no answer from JetStream: {lost!r}") from lost
        if (last.headers or {}).get("ce-id") == event_id and last.seq is not None:
            return last.seq
        raise ConflictError(reason)


def _expectation(event: Event, expect: Expectation) -> dict[str, str]:
    """The headers that the broker compares; neither makes it look at more than one job's subjects."""
    if isinstance(expect, LogAt):
        return {"Nats-Expected-Last-Sequence": str(expect.sequence)}
    return {
        "Nats-Expected-Last-Subject-Sequence": str(expect.sequence),
        "Nats-Expected-Last-Subject-Sequence-Subject": subjects.of_job(event.job_id),
    }
