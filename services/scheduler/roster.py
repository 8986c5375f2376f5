"""Which executors have been heard, and when: the one thing a scheduler knows that is not in the log."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from services.scheduler.rules import Sightings

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from services.presence import Heartbeat

_ASLEEP_S: Final = 5.0
_GONE: Final = timedelta(days=1)
"""Who is silent for so long is not remembered: where names are made anew there would be ever more of them."""


class Roster:
    """Sightings by the scheduler's own clock, so that a skewed executor is as alive as any other.

    They are asked for several times a second.  Where a long time lies between two askings, or less than
    none, this process was paused, or busy, or its clock was set (as it is after a laptop's sleep): that says
    nothing about the executors.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._last: dict[str, datetime] = {}
        self._beats: dict[str, Heartbeat | None] = {}
        self._since = self._asked = clock()

    def heard(self, executor: str, beat: Heartbeat | None = None) -> None:
        """An executor said that it lives, and, where that can be read, how full it is."""
        self._last[executor] = self._clock()
        self._beats[executor] = beat

    async def listen_afresh(self) -> None:
        """An outage is over: nobody could be heard, so nobody's silence counts until now."""
        self._forget(self._clock())

    def sightings(self) -> Sightings:
        """What the rules look at."""
        now = self._clock()
        if not 0 <= (now - self._asked).total_seconds() <= _ASLEEP_S:
            self._forget(now)
        self._asked = now
        for executor in [name for name, at in self._last.items() if now - at > _GONE]:
            del self._last[executor], self._beats[executor]
        return Sightings(since=self._since, last=dict(self._last), beats=dict(self._beats))

    def _forget(self, now: datetime) -> None:
        self._since = now
        self._last.clear()
        self._beats.clear()
