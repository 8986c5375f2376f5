"""The deliveries that are not over, and the receivers that want no more, folded from their stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.deliveries import DeliverySkipped, evolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.deliveries import Delivery, Record


class Book:
    """Memory is bounded by what is under way, not by history.

    `disabled` are the receivers (whose, and where) that have answered 410, and taken nothing since.
    """

    def __init__(self) -> None:
        self._open: dict[str, Delivery] = {}
        self.disabled: set[tuple[str | None, str]] = set()

    def observe(self, sequence: int, record: Record) -> None:
        """Take in one record, in the order of the stream; one that was told before changes nothing."""
        delivery = evolve(self._open.pop(record.webhook_id, None), record, sequence)
        if delivery is None:
            return
        if not delivery.is_over:
            self._open[record.webhook_id] = delivery
        if delivery.state == "delivered":
            self.disabled.discard(delivery.receiver)
        if delivery.state == "disabled" and not isinstance(record, DeliverySkipped):
            self.disabled.add(delivery.receiver)

    def __iter__(self) -> Iterator[Delivery]:
        return iter(self._open.values())
