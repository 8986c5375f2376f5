"""Events out of the frames that a gateway streams; pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from events.catalogue import UnreadableEventError, decode
from events.recorded import Recorded, Unreadable

if TYPE_CHECKING:
    from events.catalogue import Event
    from podium.sse import Frame


class _Stamp(msgspec.Struct, frozen=True, kw_only=True):
    job_id: str
    sequence: int
    time: datetime


def recorded(frame: Frame) -> Recorded | None:
    """The event in a frame, `Unreadable` where this version or the gateway's cannot; None for no event."""
    try:
        stamp = msgspec.json.decode(frame.data, type=_Stamp)
    except msgspec.DecodeError:
        return None
    event: Event | Unreadable
    try:
        if frame.name == Unreadable.__name__:
            event = msgspec.json.decode(frame.data, type=Unreadable)
        else:
            event = decode(frame.data.encode())
    except (msgspec.DecodeError, UnreadableEventError) as error:
        event = Unreadable(job_id=stamp.job_id, event_type=frame.name, reason=str(error))
    return Recorded(sequence=stamp.sequence, event_id="", source="gateway", time=stamp.time, event=event)
