"""The simulated broker: the log of record, and each process's view of it through its link."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
from typing import TYPE_CHECKING, Final, TypeVar

from events.log import Batch, ConflictError, Extent, JobAt, UnavailableError
from events.recorded import Recorded, Unreadable

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from events.catalogue import Event
    from events.log import Expectation
    from tests.simulation.network import Link
    from tests.simulation.shape import Fault
    from tests.simulation.virtual import VirtualLoop

ACK_S: Final = 6.0
READ_S: Final = 5.0
IDLE_S: Final = 0.25
_T = TypeVar("_T")
_CHANCES: Final[dict[Fault, float]] = {"unheard": 0.04, "lost": 0.03, "late": 0.03}


class Broker:
    """Stores events where their expectation holds; tells `on_stored(record, asked_at_s)` about each."""

    def __init__(self, loop: VirtualLoop, on_stored: Callable[[Recorded, float], None]) -> None:
        self.records: list[Recorded] = []
        self._stored_at: list[float] = []
        self._last: dict[str, int] = {}
        self._loop = loop
        self._on_stored = on_stored
        self.feeds: dict[object, Callable[[], None]] = {}

    def store(
        self, event: Event, expect: Expectation, *, source: str, time: datetime, asked_at_s: float
    ) -> int:
        """The sequence of the event.

        Raises:
            ConflictError: something else was last.
        """
        last = self._last.get(event.job_id, 0) if isinstance(expect, JobAt) else len(self.records)
        if last != expect.sequence:
            raise ConflictError(f"expected {expect}, but the last sequence is {last}")
        sequence = len(self.records) + 1
        self._last[event.job_id] = sequence
        record = Recorded(sequence=sequence, event_id=f"e{sequence}", source=source, time=time, event=event)
        self._keep(record, asked_at_s)
        return sequence

    def store_unreadable(self, job_id: str, *, time: datetime) -> None:
        """Let a job have an event that no reader understands."""
        sequence = len(self.records) + 1
        self._last[job_id] = sequence
        alien = Unreadable(job_id=job_id, event_type="JobExploded", reason="no such type")
        record = Recorded(sequence=sequence, event_id="", source="", time=time, event=alien)
        self._keep(record, self._loop.time())

    def _keep(self, record: Recorded, asked_at_s: float) -> None:
        self.records.append(record)
        self._stored_at.append(self._loop.time())
        for wake in self.feeds.values():
            wake()
        self._on_stored(record, asked_at_s)

    def visible(self, lag_s: float) -> int:
        """How many events a reader sees who is so far behind."""
        if not lag_s:
            return len(self.records)
        return bisect.bisect_right(self._stored_at, self._loop.time() - lag_s)


class Port:
    """A process's end of its link, as an `events.log.Log`; `faults` is emptied when calm comes."""

    def __init__(
        self,
        broker: Broker,
        link: Link,
        rng: random.Random,
        faults: set[Fault],
        *,
        source: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._broker = broker
        self._link = link
        self._rng = rng
        self._faults = faults
        self._source = source
        self._clock = clock

    def _happens(self, fault: Fault, chance: float) -> bool:
        return fault in self._faults and self._rng.random() < chance

    def close(self) -> None:
        """Nobody follows at this end any more."""
        self._broker.feeds.pop(self, None)

    async def append(self, event: Event, *, expect: Expectation) -> int:
        """See `events.log.Log.append`."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[int] = loop.create_future()
        time, asked_at_s = self._clock(), loop.time()
        fate = next((fault for fault, chance in _CHANCES.items() if self._happens(fault, chance)), None)

        def arrive() -> None:
            try:
                sequence = self._broker.store(
                    event, expect, source=self._source, time=time, asked_at_s=asked_at_s
                )
            except ConflictError as error:
                refusal = error
                self._link.send(lambda: answer.done() or answer.set_exception(refusal))
                return
            if fate != "unheard":
                self._link.send(lambda: answer.done() or answer.set_result(sequence))

        if fate != "lost":
            delay_s = ACK_S + self._rng.uniform(0, 10) if fate == "late" else 0.0
            self._link.send(arrive, delay_s=delay_s)
        try:
            async with asyncio.timeout(ACK_S):
                return await answer
        except TimeoutError as error:
            raise UnavailableError("no acknowledgement") from error

    async def read_job(self, job_id: str) -> list[Recorded]:
        """See `events.log.Log.read_job`."""

        def read() -> list[Recorded]:
            lag_s = self._rng.uniform(0, 3) if self._happens("stale", 0.1) else 0.0
            seen = self._broker.records[: self._broker.visible(lag_s)]
            return [record for record in seen if record.event.job_id == job_id]

        return await self._ask(read)

    async def extent(self) -> Extent:
        """See `services.projector.loop.History.extent`."""
        return await self._ask(lambda: Extent(identity="simulated", last=len(self._broker.records)))

    async def _ask(self, look: Callable[[], _T]) -> _T:
        answer: asyncio.Future[_T] = asyncio.get_running_loop().create_future()

        def arrive() -> None:
            found = look()
            self._link.send(lambda: answer.done() or answer.set_result(found))

        if not self._happens("lost", 0.03):
            self._link.send(arrive)
        try:
            async with asyncio.timeout(READ_S):
                return await answer
        except TimeoutError as error:
            raise UnavailableError("no answer") from error

    async def follow(self, *, after: int) -> AsyncIterator[Batch]:
        """See `events.log.Log.follow`; may begin behind, and repeat some events where it was opened anew."""
        news = asyncio.Event()
        self._broker.feeds[self] = lambda: self._link.send(news.set)
        visible = after
        lag_s = self._rng.uniform(0, 6) if self._happens("lag", 0.5) else 0.0
        try:
            while True:
                await self._link.usable()
                visible = max(visible, self._broker.visible(max(lag_s, self._link.lag_s)))
                lag_s = 0.0
                first = after
                if self._happens("reopen", 0.01):
                    await asyncio.sleep(0.5)
                    first = max(0, after - self._rng.randint(0, 5))
                after = min(visible, after + self._rng.randint(1, 60))
                yield Batch(records=tuple(self._broker.records[first:after]), caught_up=after == visible)
                if after < visible:
                    await asyncio.sleep(self._rng.expovariate(1 / 0.002))
                    continue
                news.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_S):
                        await news.wait()
        finally:
            self.close()
