"""Deliveries of webhooks, purely: what happened to each, as records, and the fold of these to how it stands.

The records lie in a stream of their own, one subject a delivery, and never in the log of jobs: a receiver
that is away for a day must not fill it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

State: TypeAlias = Literal["waiting", "trying", "delivered", "failed", "disabled"]
"""``waiting`` for the time of its next try; ``disabled``: its receiver answered 410, and is left alone."""

KEPT_DAYS: Final = 30
"""So long a delivery is remembered."""

_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class _Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """What all records share: the delivery, by the `webhook-id` that its receiver sees, its job, the time."""

    webhook_id: str
    job_id: str
    at: _Time


class DeliveryDue(_Record, frozen=True, kw_only=True):
    """Something happened that a receiver is to hear of: `body` is what it is sent, at every try the same."""

    kind: str
    owner: str | None
    url: str
    body: str


class TryStarted(_Record, frozen=True, kw_only=True):
    """A deliverer is about to send it; nobody else does before `until`, when it counts as lost."""

    number: int
    until: _Time


class TryEnded(_Record, frozen=True, kw_only=True):
    """What came of a try: an HTTP `status`, or the `error` for which there was none, and what follows."""

    number: int
    status: int | None
    error: str | None
    duration_ms: int
    state: State
    next_at: _Time | None


class DeliverySkipped(_Record, frozen=True, kw_only=True):
    """It is not sent, because its receiver had answered 410 before."""


class RedeliveryRequested(_Record, frozen=True, kw_only=True):
    """Somebody asked for it to be sent once more, now.  Written by the gateway; all others by the deliverer.

    It holds all of the delivery, which a deliverer has forgotten when it was over; `tried` times so far.
    """

    kind: str
    owner: str | None
    url: str
    body: str
    tried: int


Record: TypeAlias = DeliveryDue | TryStarted | TryEnded | DeliverySkipped | RedeliveryRequested


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One try to deliver; `status` and `error` are None while nothing came of it."""

    number: int
    started_at: datetime
    status: int | None = None
    error: str | None = None
    duration_ms: int | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as its records left it; `sequence` is that of the last, in its stream.

    `next_at` is when it is tried next, None where it is not.  `tried` counts all tries, `retries` those since
    it was due, or was asked for by hand, which `by_hand` says.
    """

    webhook_id: str
    job_id: str
    kind: str
    owner: str | None
    url: str
    body: str
    created_at: datetime
    state: State
    next_at: datetime | None
    sequence: int
    tries: tuple[Try, ...] = ()
    tried: int = 0
    retries: int = 0
    by_hand: bool = False

    @property
    def is_over(self) -> bool:
        """Nothing more happens to it by itself."""
        return self.state in {"delivered", "failed", "disabled"}

    @property
    def receiver(self) -> tuple[str | None, str]:
        """Whose it is and where it goes: what one answer of 410 is about."""
        return self.owner, self.url


def evolve(delivery: Delivery | None, record: Record, sequence: int) -> Delivery | None:
    """The delivery after one more record; None while its first has not come, or is not kept any more."""
    if isinstance(record, DeliveryDue):
        return delivery or _due(record, sequence)
    if isinstance(record, RedeliveryRequested) and delivery is None:
        return replace(_due(record, sequence), tried=record.tried, by_hand=True)
    if delivery is None or sequence <= delivery.sequence:
        return delivery
    seen = replace(delivery, sequence=sequence)
    match record:
        case TryStarted():
            fresh = Try(number=record.number, started_at=record.at)
            tries = (*seen.tries, fresh)
            return replace(seen, state="trying", next_at=record.until, tries=tries, tried=record.number)
        case TryEnded():
            return _ended(seen, record)
        case DeliverySkipped():
            return replace(seen, state="disabled", next_at=None)
        case RedeliveryRequested():
            return replace(seen, state="waiting", next_at=record.at, retries=0, by_hand=True)


def _due(record: DeliveryDue | RedeliveryRequested, sequence: int) -> Delivery:
    return Delivery(
        webhook_id=record.webhook_id,
        job_id=record.job_id,
        kind=record.kind,
        owner=record.owner,
        url=record.url,
        body=record.body,
        created_at=record.at,
        state="waiting",
        next_at=record.at,
        sequence=sequence,
    )


def _ended(delivery: Delivery, record: TryEnded) -> Delivery:
    changes = {"status": record.status, "error": record.error, "duration_ms": record.duration_ms}
    tries = tuple(replace(one, **changes) if one.number == record.number else one for one in delivery.tries)
    return replace(
        delivery,
        state=record.state,
        next_at=record.next_at,
        tries=tries,
        retries=delivery.retries + 1,
    )
