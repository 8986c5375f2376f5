"""Where a delivered message lies: read from its reply subject, at a tenth of the client's own price.

Source: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-15.md (ack reply subjects)
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

_SHORT: Final = 9
"""``$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<ns>.<pending>``; the long form has
domain and account before the stream, and may have more at its end."""
_ADDED: Final = 2


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A message's sequences in stream and consumer, when it was stored, and how many wait behind it."""

    sequence: int
    delivered: int
    stored_ns: int
    pending: int

    @property
    def stored_at(self) -> datetime:
        """When the broker stored it, in UTC."""
        return datetime.fromtimestamp(self.stored_ns / 1e9, UTC)


def place_of(reply: str) -> Place:
    """The place in a reply subject.

    Raises:
        ValueError: it is none of JetStream's.
    """
    words = reply.split(".")
    at = 5 if len(words) == _SHORT else 5 + _ADDED
    try:
        return Place(
            sequence=int(words[at]),
            delivered=int(words[at + 1]),
            stored_ns=int(words[at + 2]),
            pending=int(words[at + 3]),
        )
    except IndexError as error:
        raise ValueError(f"not of JetStream: {reply}") from error
