"""Which executors have been heard, and when: the one thing a scheduler knows that is not in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.scheduler.rules import Sightings

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class Roster:
    """Sightings by the scheduler's own clock, so that a skewed executor is as alive as any other."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._last: dict[str, datetime] = {}
        self._since = clock()

    def heard(self, executor: str) -> None:
        """An executor said that it lives."""
        self._last[executor] = self._clock()

    async def listen_afresh(self) -> None:
        """An outage is over: nobody could be heard, so nobody's silence counts until now."""
        self._since = self._clock()

    def sightings(self) -> Sightings:
        """What the rules look at."""
        return Sightings(since=self._since, last=dict(self._last))
