"""What the executors have together, as a gateway tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.presence import Heartbeat


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What executors say that they have: how many are heard, how many of them drain, and their slots."""

    executors: int
    draining: int
    slots: int
    running: int
    free: int


def room_of(beats: Sequence[Heartbeat]) -> Room:
    """What these executors have together."""
    return Room(
        executors=len(beats),
        draining=sum(beat.draining for beat in beats),
        slots=sum(beat.slots for beat in beats),
        running=sum(beat.running for beat in beats),
        free=sum(beat.free for beat in beats),
    )
