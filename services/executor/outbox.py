"""Messages on their way to the log: in order, none lost, and a stage's mere progress not too often."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from events.progress import StageProgressed

if TYPE_CHECKING:
    from events.progress import Message, Stage

PROGRESS_EVERY_S: Final = 0.2


class Outbox:
    """A queue in which a newer progress of a stage takes the place of the older one right before it.

    Only the last in the queue is ever replaced, and only it ever waits: order among messages stays as
    they were said.  Time comes in as seconds of any steady clock.
    """

    def __init__(self, *, progress_every_s: float = PROGRESS_EVERY_S) -> None:
        self._every_s = progress_every_s
        self._pending: deque[Message] = deque()
        self._taken_at: dict[Stage, float] = {}
        self.closed = False

    def put(self, message: Message) -> None:
        """Add a message."""
        last = self._pending[-1] if self._pending else None
        if (
            isinstance(message, StageProgressed)
            and isinstance(last, StageProgressed)
            and last.stage == message.stage
        ):
            self._pending.pop()
        self._pending.append(message)

    def close(self) -> None:
        """Nothing more will be put: what is left need not wait."""
        self.closed = True

    def wait_s(self, now_s: float) -> float | None:
        """Seconds until the first message may be taken (0: now), None where there is none."""
        if not self._pending:
            return None
        first = self._pending[0]
        if self.closed or len(self._pending) > 1 or not isinstance(first, StageProgressed):
            return 0.0
        return max(0.0, self._taken_at.get(first.stage, -self._every_s) + self._every_s - now_s)

    def take(self, now_s: float) -> Message:
        """Remove and return the first message."""
        first = self._pending.popleft()
        if isinstance(first, StageProgressed):
            self._taken_at[first.stage] = now_s
        return first
