"""The log in memory: the same contract as JetStream's, for tests and simulation."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from events.log import Batch, ConflictError, Extent, JobAt
from events.recorded import Recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from events.catalogue import Event
    from events.log import Expectation

_IDLE_S = 0.25
_BATCH_MAX = 500


def _wall_clock() -> datetime:
    return datetime.now(UTC)


class MemoryLog:
    """A `events.log.Log` over a list."""

    def __init__(self, *, source: str = "memory", clock: Callable[[], datetime] = _wall_clock) -> None:
        self._records: list[Recorded] = []
        self._last_of_job: dict[str, int] = {}
        self._source = source
        self._clock = clock
        self._grown = asyncio.Event()

    async def append(self, event: Event, *, expect: Expectation) -> int:
        """See `events.log.Log.append`."""
        of_job = isinstance(expect, JobAt)
        last = self._last_of_job.get(event.job_id, 0) if of_job else len(self._records)
        if last != expect.sequence:
            raise ConflictError(f"expected {expect}, but the last sequence is {last}")
        sequence = len(self._records) + 1
        self._records.append(
            Recorded(
                sequence=sequence,
                event_id=f"{self._source}-{sequence}",
                source=self._source,
                time=self._clock(),
                event=event,
            )
        )
        self._last_of_job[event.job_id] = sequence
        self._grown.set()
        return sequence

    async def read_job(self, job_id: str) -> list[Recorded]:
        """See `events.log.Log.read_job`."""
        return [record for record in self._records if record.event.job_id == job_id]

    async def extent(self) -> Extent:
        """Which log it is, and where it ends."""
        return Extent(identity=f"memory {id(self)}", last=len(self._records))

    async def follow(self, *, after: int) -> AsyncIterator[Batch]:
        """See `events.log.Log.follow`."""
        while True:
            records = tuple(self._records[after : after + _BATCH_MAX])
            after += len(records)
            yield Batch(records=records, caught_up=after >= len(self._records))
            if after < len(self._records):
                continue
            self._grown.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_IDLE_S):
                    await self._grown.wait()
