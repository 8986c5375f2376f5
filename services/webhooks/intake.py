"""From the log of jobs to deliveries: a durable consumer, whose place moves on once a delivery is stored."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from events import subjects
from events.cancellation import heed_cancel
from events.catalogue import JobRequested, StageCompleted, StageStarted, UnreadableEventError, decode
from events.job import fold
from events.log import ConflictError, UnavailableError
from events.places import place_of
from events.stored import read
from services.deliveries import KEPT_DAYS, DeliveryDue
from services.webhooks import payload

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from events.log import Log
    from events.recorded import Recorded
    from services.delivery_log import DeliveryLog

_SUBJECTS: Final = [f"jobs.*.{kind.__name__}" for kind in (*payload.END_TYPES, *payload.STAGE_TYPES)]
# What was not acknowledged by then comes again.  Never asked for by a nak with a delay: that would keep its
# place among the unacknowledged, and a hundred of these would stop all others.
_ACK_WAIT_S: Final = 30.0
_FETCH_S: Final = 2.0
_BATCH: Final = 100
_AGAIN_S: Final = 0.5
_ANSWER_S: Final = 5.0
_REMEMBERED: Final = 10_000
_AGE_MAX: Final = timedelta(days=KEPT_DAYS)

_log = structlog.get_logger(__name__)


class Intake:
    """Reads how jobs go, and stores a delivery for each that a receiver is to hear of."""

    def __init__(
        self, connection: Client, log: Log, deliveries: DeliveryLog, clock: Callable[[], datetime]
    ) -> None:
        self._js = connection.jetstream(timeout=_ANSWER_S)
        self._log = log
        self._deliveries = deliveries
        self._clock = clock
        self._requests: OrderedDict[str, JobRequested | None] = OrderedDict()

    async def run(self) -> None:
        """Read until cancelled, over the broker's restarts."""
        while True:
            try:
                await self._read()
            except (UnavailableError, NatsError, TimeoutError, OSError) as error:
                heed_cancel()
                _log.warning("intake_again", error=repr(error), retry_in_s=_AGAIN_S)
                await asyncio.sleep(_AGAIN_S)

    async def _read(self) -> None:
        config = ConsumerConfig(
            durable_name=subjects.WEBHOOKS,
            filter_subjects=_SUBJECTS,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT_S,
        )
        await self._js.add_consumer(subjects.STREAM, config)
        reading = await self._js.pull_subscribe_bind(durable=subjects.WEBHOOKS, stream=subjects.STREAM)
        try:
            while True:
                try:
                    messages = await reading.fetch(_BATCH, timeout=_FETCH_S)
                except NatsTimeoutError:
                    # A consumer that is gone, with its server's data, falls silent too.
                    await reading.consumer_info()
                    heed_cancel()
                    continue
                for message in messages:
                    await self._take(message)
                    await message.ack()
                    heed_cancel()
        finally:
            await reading.unsubscribe()

    async def _take(self, message: Msg) -> None:
        place = place_of(message.reply)
        record = read(
            message.subject,
            message.data,
            message.headers or {},
            sequence=place.sequence,
            stored_at=place.stored_at,
        )
        due = await self._due(record)
        if due is None:
            return
        try:
            await self._deliveries.append(due, expect=0)
        except ConflictError:
            return  # It was stored before, and only the acknowledgement was lost.
        _log.info("webhook_due", job_id=due.job_id, webhook_id=due.webhook_id, kind=due.kind)

    async def _due(self, record: Recorded) -> DeliveryDue | None:
        event = record.event
        if not isinstance(event, (*payload.END_TYPES, *payload.STAGE_TYPES)):
            return None  # Nobody can read it.
        if self._clock() - record.time > _AGE_MAX:
            return None  # Whether it was delivered nobody would remember.
        request = await self._request_of(event.job_id)
        if request is None or request.webhook_url is None:
            return None
        if isinstance(event, StageStarted | StageCompleted):
            if not request.webhook_stages:
                return None
            body = payload.of_stage(event, record)
        else:
            past = await self._log.read_job(event.job_id)
            job = fold(one for one in past if one.sequence <= record.sequence)
            if job is None or job.completed_at != record.time:
                return None  # The job had ended before.
            body = payload.of_end(job, record)
        return DeliveryDue(
            webhook_id=payload.webhook_id_of(record),
            job_id=event.job_id,
            at=self._clock(),
            kind=payload.kind_of(record),
            owner=request.owner,
            url=request.webhook_url,
            body=body,
        )

    async def _request_of(self, job_id: str) -> JobRequested | None:
        """What the job began with; remembered, since a job has many stages."""
        if job_id not in self._requests:
            self._requests[job_id] = await self._read_request(job_id)
            if len(self._requests) > _REMEMBERED:
                self._requests.popitem(last=False)
        return self._requests[job_id]

    async def _read_request(self, job_id: str) -> JobRequested | None:
        try:
            found = await self._js.get_last_msg(subjects.STREAM, f"jobs.{job_id}.{JobRequested.__name__}")
            event = decode(found.data or b"")
        except (NotFoundError, UnreadableEventError):
            return None
        return event if isinstance(event, JobRequested) else None
