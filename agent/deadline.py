"""When an attempt must be over, counted from the start of its process, and what each step may have of it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

_AGE_S_MAX: Final = 60.0
"""No agent takes longer to its first line: a kernel that says so counts from something else."""

_CLOSING_S: Final = 6.0
_CLOSING_SHARE_MIN: Final = 0.1
_CLOSING_SHARE_MAX: Final = 0.25
_LAST_S: Final = 1.0
_LAST_SHARE: Final = 0.03
"""Before the end whoever watches says the last word: the process must still go, on a busy machine too."""


class Deadline(msgspec.Struct, frozen=True, kw_only=True):
    """`at` is a `time.monotonic()`, `budget_s` the seconds from the process's start to it."""

    at: float
    budget_s: float

    def left_s(self, now: float) -> float:
        """Seconds until the end; negative after it."""
        return self.at - now

    def last_word_at(self) -> float:
        """When the attempt's last word must be out, whatever its steps are at."""
        return self.at - max(_LAST_S, min(2.0, _LAST_SHARE * self.budget_s))

    def script_s(self, now: float, analysis_s: float) -> float:
        """What a script that starts now may take until it is killed: the rest without `closing_s`."""
        return self.left_s(now) - closing_s(self.budget_s, analysis_s)

    def has_time_for_plots(self, now: float, import_s: float) -> bool:
        """Whether the pictures can be drawn: their library is about as slow as that of scoring was."""
        return self.left_s(now) > 2.0 + 1.5 * import_s


def closing_s(budget_s: float, analysis_s: float) -> float:
    """What to keep back for scoring and the report: of much data it takes about as long as the analysis.

    Pictures fit into 6 s on a machine that is not busy; of a small budget less is kept, without them.
    """
    least = min(_CLOSING_S, _CLOSING_SHARE_MIN * budget_s)
    return max(least, min(0.8 * analysis_s, _CLOSING_SHARE_MAX * budget_s))


def process_started() -> float:
    """The `time.monotonic()` at which this process started, its imports not yet done.

    Source: proc(5), field 22 of stat; where there is none, now.
    """
    now = time.monotonic()
    if sys.platform != "linux":
        return now
    after_name = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2]
    booted_s = int(after_name.split()[19]) / os.sysconf("SC_CLK_TCK")
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - booted_s
    return now - age_s if 0.0 <= age_s <= _AGE_S_MAX else now
