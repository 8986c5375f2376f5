"""What is tried when, and what follows from an answer.  Pure: the only place that knows the schedule."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from services.deliveries import State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from services.deliveries import Delivery

RETRY_DELAYS_S: Final = (5, 60, 300, 1800, 7200, 18_000, 28_800, 28_800)
"""The waits after the first try and each that follows: a day, less half an hour, in all."""

JITTER: Final = 0.1
"""Waits are longer by up to this share, so that what failed together does not come back together."""

BUSY_MAX: Final = 32
BUSY_OF_HOST_MAX: Final = 4
"""So many tries at once, and to one host: a slow receiver holds up nobody but itself."""

GONE: Final = 410
TOO_MANY: Final = 429


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a try: an HTTP `status`, or the `error` for which there was none."""

    status: int | None = None
    error: str | None = None
    duration_ms: int = 0


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How a delivery stands after a try; `next_at` is when it is tried again, None where it is not."""

    state: State
    next_at: datetime | None = None


def after(delivery: Delivery, answer: Answer, now: datetime) -> Verdict:
    """What follows: 2xx is taken, 410 means never again, and anything else is tried again, for a day."""
    if answer.status is not None and 200 <= answer.status < 300:
        return Verdict(state="delivered")
    if answer.status == GONE:
        return Verdict(state="disabled")
    if delivery.retries >= len(RETRY_DELAYS_S):
        return Verdict(state="failed")
    delay_s = RETRY_DELAYS_S[delivery.retries] * (1 + JITTER * _share(delivery))
    return Verdict(state="waiting", next_at=now + timedelta(seconds=delay_s))


def ready(
    deliveries: Iterable[Delivery],
    disabled: Collection[tuple[str | None, str]],
    now: datetime,
    *,
    busy: Collection[str],
) -> list[Delivery]:
    """Those to take up now, the longest due first; `busy` are the ids of those that are under way here.

    One whose try was begun and never ended comes again when that counts as lost.
    """
    waiting = list(deliveries)
    hosts = Counter(_host(one) for one in waiting if one.webhook_id in busy)
    due = [
        (one.next_at, one)
        for one in waiting
        if one.webhook_id not in busy and one.next_at is not None and one.next_at <= now
    ]
    chosen: list[Delivery] = []
    for _, one in sorted(due, key=lambda pair: pair[0]):
        if len(busy) + len(chosen) >= BUSY_MAX:
            break
        if is_left_alone(one, disabled) or hosts[_host(one)] < BUSY_OF_HOST_MAX:
            hosts[_host(one)] += 1
            chosen.append(one)
    return chosen


def is_left_alone(delivery: Delivery, disabled: Collection[tuple[str | None, str]]) -> bool:
    """Its receiver wants no more, and nobody has asked by hand."""
    return not delivery.by_hand and delivery.receiver in disabled


def _host(delivery: Delivery) -> str:
    return urlsplit(delivery.url).netloc


def _share(delivery: Delivery) -> float:
    """A number in 0..1 that another delivery does not share, for ever the same."""
    digest = hashlib.sha256(f"{delivery.webhook_id} {delivery.retries}".encode()).digest()
    return int.from_bytes(digest[:4]) / 2**32
