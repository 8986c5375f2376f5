"""A log in memory that forgets what its one follower has read: a million jobs would not fit otherwise."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from events.catalogue import JobSucceeded
from events.log import Batch, ConflictError, JobAt
from events.recorded import Recorded
from services.running import utc_now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from events.catalogue import Event
    from events.log import Expectation

_BATCH_MAX = 5000


class PassingLog:
    """Refuses what `events.memory.MemoryLog` refuses; `stored` is told each event and its sequence.

    `follower_s` is the processor time that the follower took, without what the log did for it meanwhile.
    """

    def __init__(self, stored: Callable[[Event, int], None]) -> None:
        self._unread: list[Recorded] = []
        self._last_of_job: dict[str, int] = {}
        self._grown = asyncio.Event()
        self._stored = stored
        self._own_s = 0.0
        self.last = 0
        self.follower_s = 0.0

    async def append(self, event: Event, *, expect: Expectation) -> int:
        """See `events.log.Log.append`."""
        began = time.process_time()
        last = self._last_of_job.get(event.job_id, 0) if isinstance(expect, JobAt) else self.last
        if last != expect.sequence:
            raise ConflictError(f"expected {expect}, but the last sequence is {last}")
        self.last += 1
        self._unread.append(
            Recorded(sequence=self.last, event_id=f"{self.last}", source="", time=utc_now(), event=event)
        )
        if isinstance(event, JobSucceeded):
            del self._last_of_job[event.job_id]
        else:
            self._last_of_job[event.job_id] = self.last
        self._grown.set()
        self._stored(event, self.last)
        self._own_s += time.process_time() - began
        return self.last

    async def read_job(self, job_id: str) -> list[Recorded]:
        """It is a mistake of the measurement: a scheduler reads no job by itself."""
        raise AssertionError(job_id)

    async def follow(self, *, after: int) -> AsyncIterator[Batch]:
        """See `events.log.Log.follow`; there is one follower, from the beginning."""
        assert after == 0
        while True:
            taken, self._unread = self._unread[:_BATCH_MAX], self._unread[_BATCH_MAX:]
            began, own = time.process_time(), self._own_s
            yield Batch(records=tuple(taken), caught_up=not self._unread)
            self.follower_s += time.process_time() - began - (self._own_s - own)
            if not self._unread:
                self._grown.clear()
                await self._grown.wait()
