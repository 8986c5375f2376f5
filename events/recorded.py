"""An event as the log holds it: with its place, its time and its identity."""

from __future__ import annotations

from datetime import datetime

import msgspec

from events.catalogue import Event


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its sequence in the log, the writer's time (UTC), and its CloudEvents id and source."""

    sequence: int
    event_id: str
    source: str
    time: datetime
    event: Event
