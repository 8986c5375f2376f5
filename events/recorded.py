"""An event as the log holds it: with its place, its time and its identity."""

from __future__ import annotations

from datetime import datetime

import msgspec

from events.catalogue import Event


class Unreadable(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """What stands in a record for a stored message that no event can be made of, and why.

    It has a place in the log all the same, which an append to its job has to name.  `job_id` and
    `event_type` are what the message's subject says ("": nothing).
    """

    job_id: str
    event_type: str
    reason: str


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its sequence in the log, the writer's time (UTC), and its CloudEvents id and source.

    Of an `Unreadable` the time is the broker's, and id and source are empty.
    """

    sequence: int
    event_id: str
    source: str
    time: datetime
    event: Event | Unreadable

    @property
    def event_type(self) -> str:
        """The name of the event's type, as the subject has it."""
        return self.event.event_type if isinstance(self.event, Unreadable) else type(self.event).__name__
