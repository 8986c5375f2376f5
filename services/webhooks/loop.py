"""The deliverer's shell: follow the deliveries, take up those that are due, write down what came of each."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from events.log import ConflictError, UnavailableError
from services.deliveries import DeliverySkipped, TryEnded, TryStarted
from services.webhooks import rules
from services.webhooks.book import Book
from services.webhooks.payload import headers_of
from services.webhooks.rules import Answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from services.deliveries import Delivery, Record
    from services.delivery_log import DeliveryLog
    from services.webhook_secrets import WebhookSecrets
    from services.webhooks.sender import Sender

_LAST_WORDS_S: Final = 5.0
_APPEND_TRIES: Final = 5
_APPEND_AGAIN_S: Final = 1.0

_log = structlog.get_logger(__name__)


class Deliverer:
    """One deliverer; of several, the one that writes down first that it begins a try makes it.

    A try counts as lost `lease_s` after it began: what was sent by a deliverer that died is sent once more,
    under the same `webhook-id`.  `on_pulse` is called while it keeps up with its stream.
    """

    def __init__(
        self,
        deliveries: DeliveryLog,
        secrets: WebhookSecrets,
        sender: Sender,
        *,
        clock: Callable[[], datetime],
        lease_s: float,
        on_pulse: Callable[[], None],
    ) -> None:
        self._deliveries = deliveries
        self._secrets = secrets
        self._sender = sender
        self._clock = clock
        self._lease = timedelta(seconds=lease_s)
        self._on_pulse = on_pulse
        self._book = Book()
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Deliver until cancelled; tries that are under way then have a moment to end."""
        try:
            async for records, caught_up in self._deliveries.follow():
                for sequence, record in records:
                    self._book.observe(sequence, record)
                self._on_pulse()
                if caught_up:
                    self._take_up()
        finally:
            if self._busy:
                await asyncio.wait(self._busy.values(), timeout=_LAST_WORDS_S)

    def _take_up(self) -> None:
        for delivery in rules.ready(self._book, self._book.disabled, self._clock(), busy=self._busy):
            task = asyncio.create_task(self._handle(delivery), name=delivery.webhook_id)
            self._busy[delivery.webhook_id] = task
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._busy[task.get_name()]

    async def _handle(self, delivery: Delivery) -> None:
        try:
            if rules.is_left_alone(delivery, self._book.disabled):
                await self._skip(delivery)
            else:
                await self._try(delivery)
        except ConflictError:
            _log.info("webhook_taken_by_another", webhook_id=delivery.webhook_id)
        except UnavailableError as error:
            _log.warning("webhook_not_noted", webhook_id=delivery.webhook_id, error=str(error))
        except Exception:  # noqa: BLE001 - see below
            # A bug about one delivery must not stop all others, nor be tried in a loop without a pause.
            _log.exception("webhook_failed_here", webhook_id=delivery.webhook_id)
            await asyncio.sleep(self._lease.total_seconds())

    async def _skip(self, delivery: Delivery) -> None:
        record = DeliverySkipped(webhook_id=delivery.webhook_id, job_id=delivery.job_id, at=self._clock())
        await self._settle(record, expect=delivery.sequence)

    async def _try(self, delivery: Delivery) -> None:
        began, number = self._clock(), delivery.tried + 1
        started = TryStarted(
            webhook_id=delivery.webhook_id,
            job_id=delivery.job_id,
            at=began,
            number=number,
            until=began + self._lease,
        )
        sequence = await self._deliveries.append(started, expect=delivery.sequence)
        self._book.observe(sequence, started)
        answer = await self._answer(delivery)
        now = self._clock()
        verdict = rules.after(delivery, answer, now)
        ended = TryEnded(
            webhook_id=delivery.webhook_id,
            job_id=delivery.job_id,
            at=now,
            number=number,
            status=answer.status,
            error=answer.error,
            duration_ms=answer.duration_ms,
            state=verdict.state,
            next_at=verdict.next_at,
        )
        _log.info(
            "webhook_tried",
            job_id=delivery.job_id,
            webhook_id=delivery.webhook_id,
            number=number,
            status=answer.status,
            error=answer.error,
            state=verdict.state,
        )
        await self._settle(ended, expect=sequence)

    async def _answer(self, delivery: Delivery) -> Answer:
        secrets = await self._secrets.of(delivery.owner)
        if secrets is None:
            return Answer(error="there is no secret to sign it with")
        now = self._clock()
        headers = headers_of(delivery.webhook_id, delivery.body, secrets.in_use(now), now)
        return await self._sender.send(delivery.url, delivery.body, headers)

    async def _settle(self, record: Record, *, expect: int) -> None:
        """Write down what came of it; what cannot be written is sent again, once the try counts as lost."""
        for left in reversed(range(_APPEND_TRIES)):
            try:
                sequence = await self._deliveries.append(record, expect=expect)
            except UnavailableError:
                if not left:
                    raise
                await asyncio.sleep(_APPEND_AGAIN_S)
            else:
                self._book.observe(sequence, record)
                return
