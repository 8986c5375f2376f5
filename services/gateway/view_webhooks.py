"""Webhooks as the gateway shows them: pure, from a delivery to what goes over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from services.deliveries import State

if TYPE_CHECKING:
    from services.deliveries import Delivery


class TryView(msgspec.Struct, frozen=True, kw_only=True):
    """One try to deliver: the HTTP `status` that came back, or the `error` for which there was none."""

    number: int
    started_at: datetime
    status: int | None
    error: str | None
    duration_ms: int | None


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook, by the `webhook_id` that its receiver sees; `next_at` is when it is tried next."""

    webhook_id: str
    kind: str
    url: str
    created_at: datetime
    state: State
    next_at: datetime | None
    tries: tuple[TryView, ...]


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    """The webhooks of a job, the oldest first."""

    webhooks: tuple[DeliveryView, ...]


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver checks signatures with."""

    secret: str


def view_of(delivery: Delivery) -> DeliveryView:
    """A delivery, with neither what it said nor whose it is."""
    return DeliveryView(
        webhook_id=delivery.webhook_id,
        kind=delivery.kind,
        url=delivery.url,
        created_at=delivery.created_at,
        state=delivery.state,
        next_at=delivery.next_at,
        tries=tuple(
            TryView(
                number=one.number,
                started_at=one.started_at,
                status=one.status,
                error=one.error,
                duration_ms=one.duration_ms,
            )
            for one in delivery.tries
        ),
    )
