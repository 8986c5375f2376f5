"""The stream of deliveries: the deliverer appends to it, the gateway shows it and asks for one more try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from nats.errors import Error as NatsError
from nats.js.api import DiscardPolicy, Header, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from events import feed
from events.log import ConflictError, UnavailableError
from services.deliveries import KEPT_DAYS, Delivery, Record, evolve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

STREAM: Final = "WEBHOOKS"
ALL: Final = "webhooks.>"

_BYTES_MAX: Final = 1024**3
_DAY_S: Final = 86_400
_ACK_S: Final = 5.0
_WRONG_LAST_SEQUENCE: Final = frozenset({10071, 10164})

_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
_log = structlog.get_logger(__name__)


async def ensure_delivery_stream(js: JetStreamContext, *, replicas: int = 1) -> None:
    """Make the stream where there is none: it forgets what is older than a month, or too much."""
    try:
        await js.stream_info(STREAM)
    except NotFoundError:
        await js.add_stream(
            StreamConfig(
                name=STREAM,
                subjects=[ALL],
                storage=StorageType.FILE,
                num_replicas=replicas,
                discard=DiscardPolicy.OLD,
                max_age=KEPT_DAYS * _DAY_S,
                max_bytes=_BYTES_MAX,
            )
        )


class DeliveryLog:
    """The stream, over a connection."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self._js = connection.jetstream(timeout=_ACK_S)

    async def append(self, record: Record, *, expect: int) -> int:
        """Store a record and return its sequence; `expect` is the last of its delivery (0: there is none).

        Raises:
            ConflictError: the delivery has moved on, or is there already: nothing was written.
            UnavailableError: no answer; the record may or may not be stored.
        """
        subject = f"webhooks.{record.job_id}.{record.webhook_id}"
        headers = {Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(expect)}
        try:
            ack = await self._js.publish(subject, msgspec.json.encode(record), headers=headers)
        except APIError as error:
            if error.err_code in _WRONG_LAST_SEQUENCE:
                raise ConflictError(str(error)) from error
            raise UnavailableError(f"JetStream refused the record: {error}") from error
        except (NatsError, TimeoutError, OSError) as error:
            raise UnavailableError(f"no acknowledgement from JetStream: {error!r}") from error
        return ack.seq

    async def of_job(self, job_id: str) -> list[Delivery]:
        """The deliveries of a job that are remembered, the oldest first.

        Raises:
            UnavailableError: the server did not answer.
        """
        found: dict[str, Delivery] = {}
        for place, message in await feed.stored(self._connection, STREAM, f"webhooks.{job_id}.*"):
            record = _record_in(message)
            if record is not None:
                delivery = evolve(found.get(record.webhook_id), record, place.sequence)
                if delivery is not None:
                    found[record.webhook_id] = delivery
        return list(found.values())

    async def follow(self) -> AsyncIterator[tuple[list[tuple[int, Record]], bool]]:
        """Every record with its sequence, from the first on, for ever; and whether these were the last.

        Nothing comes with nothing new about four times a second.
        """
        async for taken, caught_up in feed.messages(self._connection, STREAM, ALL, after=0):
            read = ((place.sequence, _record_in(message)) for place, message in taken)
            yield [(sequence, record) for sequence, record in read if record is not None], caught_up


def _record_in(message: Msg) -> Record | None:
    try:
        return _decoder.decode(message.data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _log.error("delivery_record_unreadable", subject=message.subject, error=str(error))
        return None
