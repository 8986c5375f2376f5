"""A job's history played as it happened: each event after the time that lay before it, at a chosen speed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from events.recorded import Recorded


def _wall_clock() -> datetime:
    return datetime.now(UTC)


class Playback:
    """Plays records `speed` times as fast as they came (infinity: at once), on a clock of its own."""

    def __init__(
        self,
        records: Sequence[Recorded],
        *,
        speed: float,
        clock: Callable[[], datetime] = _wall_clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._records = records
        self._speed = speed
        self._clock = clock
        self._sleep = sleep
        self._began_at = clock()
        self._played: datetime | None = None

    def now(self) -> datetime:
        """The time within the history: never past the end, nor, between two events, past the second."""
        first, last = self._records[0].time, self._records[-1].time
        if self._speed == float("inf"):
            return self._played or first
        return min(first + (self._clock() - self._began_at) * self._speed, last)

    async def records(self) -> AsyncIterator[Recorded]:
        """The records, each when its time has come; where writers' clocks differ, at once."""
        self._began_at = self._clock()
        for record in self._records:
            if self._speed != float("inf"):
                due = self._began_at + (record.time - self._records[0].time) / self._speed
                await self._sleep(max((due - self._clock()) / timedelta(seconds=1), 0))
            self._played = record.time
            yield record
