"""The connection of one process to the broker: messages take time, and get held up or lost."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.simulation.virtual import VirtualLoop

State: TypeAlias = Literal["up", "cut", "stalled"]


class Link:
    """A connection: first in, first out each way is not promised between separate requests.

    What is sent while the link is cut is lost; while it is stalled it waits, and then comes all at once.
    `lag_s` is how old the part of the log is that a reader sees at this end.
    """

    def __init__(self, loop: VirtualLoop, rng: random.Random) -> None:
        self.state: State = "up"
        self.lag_s = 0.0
        self._loop = loop
        self._rng = rng
        self._waiting: list[Callable[[], None]] = []
        self._up = asyncio.Event()
        self._up.set()
        # What is on its way belongs to no process: it arrives also where its sender has died.
        self._context = contextvars.Context()

    def send(self, deliver: Callable[[], None], *, delay_s: float = 0.0) -> None:
        """Do something at the other end, after some milliseconds and `delay_s`."""
        latency_s = self._rng.expovariate(1 / 0.003) if self._rng.random() < 0.95 else self._rng.random()
        self._loop.call_later(delay_s + latency_s, self._arrive, deliver, context=self._context)

    async def usable(self) -> None:
        """Wait until the link is up."""
        await self._up.wait()

    def fail(self, state: State) -> None:
        """Cut or stall the link."""
        self.state = state
        self._up.clear()

    def heal(self) -> None:
        """Let what waited through."""
        self.state = "up"
        waiting, self._waiting = self._waiting, []
        for deliver in waiting:
            self.send(deliver)
        self._up.set()

    def _arrive(self, deliver: Callable[[], None]) -> None:
        if self.state == "up":
            deliver()
        elif self.state == "stalled":
            self._waiting.append(deliver)
