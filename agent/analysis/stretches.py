"""Finds where test takes whole stretches out of train's time, so that no neighbour of a test row is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOMENTS_MIN: Final = 40
_MIXED_SHARE_MAX: Final = 0.02
_SWITCH_SHARE_MAX: Final = 0.1
"""Of the changes between train and test along time that chance would make: with so few, it was not chance."""

_DAY_S: Final = 86_400.0


def stretch_of_test(past: NDArray[np.float64], future: NDArray[np.float64]) -> float | None:
    """How long the stretches are, as a median, that test's moments `future` (n,) take out of train's `past`.

    Measured from the last moment of train before a stretch to the first after it, in the moments' unit.
    None where the two lie among each other as chance would have it, or only one follows the other.
    """
    moments, place = np.unique(np.concatenate([past, future]), return_inverse=True)
    of_test = np.concatenate([np.zeros(len(past)), np.ones(len(future))])
    share = np.bincount(place, weights=of_test) / np.bincount(place)
    owned = share > 0.5
    switches = np.flatnonzero(np.diff(owned.astype(np.int8)))
    tested = float(owned.mean())
    by_chance = 2 * tested * (1 - tested) * (len(moments) - 1)
    mixed = float(((share > 0) & (share < 1)).mean())
    if len(moments) < _MOMENTS_MIN or mixed > _MIXED_SHARE_MAX:
        return None
    if not 2 <= len(switches) <= _SWITCH_SHARE_MAX * by_chance:
        return None
    starts, ends = np.append(0, switches + 1), np.append(switches, len(moments) - 1)
    spans = [
        moments[min(end + 1, len(moments) - 1)] - moments[max(start - 1, 0)]
        for start, end in zip(starts, ends, strict=True)
        if owned[start]
    ]
    return float(np.median(spans))


def span_in_words(span: float, *, dated: bool) -> str:
    """A length in days or hours, or in the unit of a count."""
    if not dated:
        return f"{span:g}"
    return f"{span / _DAY_S:.3g} days" if span >= 2 * _DAY_S else f"{span / 3600:.3g} hours"
