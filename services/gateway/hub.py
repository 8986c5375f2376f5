"""One follower of the log for the whole process, fanned out in memory to whoever watches a job, or all."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict, deque
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from events.log import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from events.log import Log
    from events.recorded import Recorded

End: TypeAlias = Literal["cut_off", "closing"]
"""Why no more comes: the reader was too slow, or the gateway is stopping."""

REMEMBERED: Final = 50_000
"""Of so many jobs the hub knows the newest event."""

ROOM: Final = 256
"""So many events of one job may wait for one reader."""

ROOM_OF_ALL: Final = 4096
"""So many events of all jobs together may wait for one reader of all."""

ALL: Final = "*"
"""In the place of a job's id: every job."""


class Subscription:
    """What waits for one reader of one job, or of `ALL`; `key_id` is that of its API key, if it has one."""

    def __init__(self, job_id: str, room: int, key_id: str | None) -> None:
        self.job_id = job_id
        self.key_id = key_id
        self._room = room
        self._waiting: deque[Recorded] = deque()
        self._woken: asyncio.Future[None] | None = None
        self._end: End | None = None

    def offer(self, record: Recorded) -> None:
        """Add an event; one too many and the reader is cut off after those that it has."""
        if self._end is None and len(self._waiting) >= self._room:
            self.end("cut_off")
        if self._end is None:
            self._waiting.append(record)
            self._wake()

    def end(self, reason: End) -> None:
        """Let nothing more in."""
        self._end = self._end or reason
        self._wake()

    async def take(self, *, wait_s: float) -> Recorded | End | None:
        """The next event; the end once all were taken; None where nothing came within `wait_s`."""
        if not self._waiting and self._end is None:
            loop = asyncio.get_running_loop()
            self._woken = loop.create_future()
            # Thousands wait at once, and each for every event: `asyncio.timeout` costs as much as the rest.
            timer = loop.call_later(wait_s, self._wake)
            try:
                await self._woken
            finally:
                timer.cancel()
                self._woken = None
        return self._waiting.popleft() if self._waiting else self._end

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)


class Hub:
    """Follows the log from its end and hands each event to the subscriptions of its job.

    `last_sequence` says where the log ends now; it is asked before the first subscription is let in,
    so that whoever subscribes first and reads the job's history then misses nothing.  `observe` is told
    every event, in order.
    """

    def __init__(
        self,
        log: Log,
        *,
        last_sequence: Callable[[], Awaitable[int]],
        observe: Callable[[Recorded], None] = lambda _: None,
        room: int = ROOM,
    ) -> None:
        self._log = log
        self._observe = observe
        self._last_sequence = last_sequence
        self._room = room
        self._watched: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._newest: OrderedDict[str, int] = OrderedDict()
        self._open = False
        self._sequence = 0

    @property
    def sequence(self) -> int:
        """Every event up to here has been handed out, and none past it."""
        return self._sequence

    def newest(self, job_id: str) -> int | None:
        """The sequence of a job's newest event, None where nothing of it has been seen for long."""
        return self._newest.get(job_id)

    @property
    def readers(self) -> int:
        """How many subscriptions there are."""
        return sum(len(subscriptions) for subscriptions in self._watched.values())

    async def run(self) -> None:
        """Follow the log until cancelled.

        Raises:
            UnavailableError: the log's end could not be read.
        """
        self._sequence = await self._last_sequence()
        self._open = True
        async for batch in self._log.follow(after=self._sequence):
            for record in batch.records:
                self._remember(record)
                self._observe(record)
                for watched in (record.event.job_id, ALL):
                    for subscription in self._watched.get(watched, ()):
                        subscription.offer(record)

    def _remember(self, record: Recorded) -> None:
        self._sequence = record.sequence
        self._newest[record.event.job_id] = record.sequence
        self._newest.move_to_end(record.event.job_id)
        if len(self._newest) > REMEMBERED:
            self._newest.popitem(last=False)

    def subscribe(self, job_id: str, *, key_id: str | None = None) -> Subscription:
        """Let a reader in; it must be released when the reader has gone.

        Raises:
            UnavailableError: the log is not being followed yet, or no longer.
        """
        if not self._open:
            raise UnavailableError("events are not being followed")
        subscription = Subscription(job_id, ROOM_OF_ALL if job_id == ALL else self._room, key_id)
        self._watched[job_id].add(subscription)
        return subscription

    def release(self, subscription: Subscription) -> None:
        """Forget a reader; once more does no harm."""
        subscriptions = self._watched.get(subscription.job_id, set())
        subscriptions.discard(subscription)
        if not subscriptions:
            self._watched.pop(subscription.job_id, None)

    def end_without(self, counts: Callable[[str], bool]) -> None:
        """End the subscriptions of readers whose API key does not count any more."""
        for subscriptions in self._watched.values():
            for subscription in subscriptions:
                if subscription.key_id is not None and not counts(subscription.key_id):
                    subscription.end("closing")

    def close(self) -> None:
        """End every subscription and let no more in: the process is stopping."""
        self._open = False
        for subscriptions in self._watched.values():
            for subscription in subscriptions:
                subscription.end("closing")
