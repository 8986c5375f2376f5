"""Where a reader of a pod's log is: which of the lines that come again after a break it has had.  Pure.

The log API cannot be asked to go on: it knows whole seconds only.  So it is read from its beginning, and what
was read before is passed over, by the time that stands before each line.  Lines of about the same time may
stand in any order, since two pipes are read at once: of those the very lines are known.
"""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime
from typing import Final

_SLACK_S: Final = 2.0


class Place:
    """Takes in entries ``<RFC 3339 time> <text>`` in order; after a break `resume`, and all over again."""

    def __init__(self) -> None:
        self._newest_s = float("-inf")
        self._floor_s = float("-inf")
        self._recent: deque[tuple[float, int]] = deque()
        self._again: Counter[int] = Counter()

    def resume(self) -> None:
        """The next entry is the log's first again."""
        self._floor_s = self._newest_s - _SLACK_S
        self._again = Counter(seen for at_s, seen in self._recent if at_s >= self._floor_s)

    def text_of(self, entry: bytes) -> bytes | None:
        """The line of an entry; None where it was had before, or has no time: it is not the container's."""
        stamp, _, text = entry.partition(b" ")
        at_s = _seconds(stamp)
        if at_s is None or at_s < self._floor_s:
            return None
        seen = hash(entry)
        if self._again[seen] > 0:
            self._again[seen] -= 1
            return None
        self._newest_s = max(self._newest_s, at_s)
        self._recent.append((at_s, seen))
        while self._recent[0][0] < self._newest_s - _SLACK_S:
            self._recent.popleft()
        return text


def _seconds(stamp: bytes) -> float | None:
    try:
        return datetime.fromisoformat(stamp.decode("ascii")).timestamp()
    except ValueError:
        return None
