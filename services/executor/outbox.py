"""What the agent said on its way to the log: in order, none lost, but a flood of progress thinned out."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from events.catalogue import StageProgressed

if TYPE_CHECKING:
    from events.catalogue import Event

PROGRESS_EVERY_S: Final = 0.2
PROGRESS_BURST: Final = 200
"""More than an agent of ours says in a minute: what is thinned out is a flood."""


class Outbox:
    """A queue in which progress has an allowance: `burst` at once, and one more every so many seconds.

    Once it is spent, a newer progress takes the place of an older one of its stage right before it.  Only
    the last in the queue is ever replaced, and only it ever waits: order stays as it was said.  Time comes
    in as seconds of any steady clock.
    """

    def __init__(self, *, progress_every_s: float = PROGRESS_EVERY_S, burst: int = PROGRESS_BURST) -> None:
        self._every_s = progress_every_s
        self._burst = burst
        self._pending: deque[Event] = deque()
        self._progress_pending = 0
        self._allowance = float(burst)
        self._counted_at_s: float | None = None
        self.closed = False

    def put(self, event: Event, now_s: float) -> None:
        """Add an event."""
        self._count(now_s)
        if isinstance(event, StageProgressed):
            last = self._pending[-1] if self._pending else None
            spent = self._allowance - self._progress_pending < 1
            if spent and isinstance(last, StageProgressed) and last.stage == event.stage:
                self._pending.pop()
                self._progress_pending -= 1
            self._progress_pending += 1
        self._pending.append(event)

    def close(self) -> None:
        """Nothing more will be put: what is left need not wait."""
        self.closed = True

    def wait_s(self, now_s: float) -> float | None:
        """Seconds until the first event may be taken (0: now), None where there is none."""
        if not self._pending:
            return None
        self._count(now_s)
        free = self.closed or len(self._pending) > 1 or not isinstance(self._pending[0], StageProgressed)
        return 0.0 if free else max(0.0, 1 - self._allowance) * self._every_s

    def take(self, now_s: float) -> Event:
        """Remove and return the first event."""
        self._count(now_s)
        first = self._pending.popleft()
        if isinstance(first, StageProgressed):
            self._progress_pending -= 1
            self._allowance = max(0.0, self._allowance - 1)
        return first

    def _count(self, now_s: float) -> None:
        """Let the allowance grow by the time that has passed."""
        passed_s = 0.0 if self._counted_at_s is None else now_s - self._counted_at_s
        self._counted_at_s = now_s
        self._allowance = min(float(self._burst), self._allowance + passed_s / self._every_s)
