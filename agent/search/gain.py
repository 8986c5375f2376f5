"""Whether a change is better than chance allows: the gain on the same folds against its standard error.

Pure.
"""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


class Gain(msgspec.Struct, frozen=True, kw_only=True):
    """The mean gain over `folds` folds, positive where the change is better, and its standard error.

    The error is infinite where there are fewer than two folds: nothing can be said of chance then.
    """

    mean: float
    error: float
    folds: int

    @property
    def is_real(self) -> bool:
        """Whether the gain exceeds the noise of the folds."""
        return self.mean > 0.0 and self.mean > self.error

    def __str__(self) -> str:
        return f"{self.mean:+.2g} ± {self.error:.2g} over {self.folds} folds"


def paired_gain(new: Mapping[int, float], old: Mapping[int, float], *, maximize: bool) -> Gain:
    """What `new` gains over `old`: scores by fold; only folds that both have are compared."""
    common = sorted(new.keys() & old.keys())
    sign = 1.0 if maximize else -1.0
    gains = [sign * (new[fold] - old[fold]) for fold in common]
    if len(gains) < 2:
        return Gain(mean=gains[0] if gains else 0.0, error=math.inf, folds=len(gains))
    error = statistics.stdev(gains) / math.sqrt(len(gains))
    return Gain(mean=statistics.fmean(gains), error=error, folds=len(gains))
