"""The attempt's last word: said once, in time, by whoever comes first, its steps or the one who watches.

What is best so far is kept as the message that would be true of it.  A step that hangs in a library, or on a
machine that is too busy, cannot keep it from being said.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from events.progress import Failed, Succeeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.speech import Say
    from events.progress import Message

TOO_LATE = Failed(
    reason="out_of_time", message="The time ran out before there was anything to submit.", retryable=True
)


class LastWord:
    """Holds the best result so far; says it, or what is handed to it, but never two last words."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._said = False
        self._best: Succeeded | Failed = TOO_LATE

    def tell(self, message: Message) -> None:
        """Say anything that is no last word; after one nothing is said any more."""
        with self._lock:
            if not self._said:
                self._say(message)

    def keep(self, message: Succeeded, place: Callable[[], None]) -> None:
        """`place` puts files where they belong; from then on `message` is true of them.

        The two are one step to whoever watches.
        """
        with self._lock:
            place()
            self._best = message

    def offer(self, message: Succeeded) -> None:
        """Keep a result whose files lie in their place already, unless there is one."""
        with self._lock:
            if self._best is TOO_LATE:
                self._best = message

    def say(self, message: Succeeded | Failed) -> None:
        """Say it, unless a last word was said."""
        with self._lock:
            self._once(message)

    def watch(self, at: float, leave: Callable[[int], object]) -> None:
        """At `at` (`time.monotonic()`) say what is best, if nothing was said, and `leave` with a code."""

        def wait() -> None:
            time.sleep(max(0.0, at - time.monotonic()))
            with self._lock:
                if not self._said:
                    self._once(self._best)
                    leave(0 if isinstance(self._best, Succeeded) else 1)

        threading.Thread(target=wait, daemon=True, name="last word").start()

    def _once(self, message: Succeeded | Failed) -> None:
        if not self._said:
            self._said = True
            self._say(message)
