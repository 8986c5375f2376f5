"""How much there is to spend, and what it has room for: folds, and rows to learn from.  Pure rules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from agent.planning.inputs import Columns

QUICK_BUDGET_S: Final = 90.0
FEW_ROWS: Final = 5_000
_PASS_S: Final = 5.0
_PASSES_MAX: Final = 20
_TEXT_CELLS: Final = 40
"""A text is about as much work as so many numbers."""

_CELLS_MAX: Final = 60_000_000
"""Numbers in the table learnt from: more rows than fit are sampled."""

_BYTES_PER_CELL: Final = 28
_BYTES_PER_CELL_AND_MODEL: Final = 12
"""Text as it was read and 4 bytes as a number; for each model that learns, its own copy and its library's."""

_MEMORY_SHARE: Final = 0.5
_CELLS_PER_S: Final = 250_000
"""What one thread takes through reading, features and three folds of a few rounds in a second, at worst."""


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan may spend: seconds for training in all, processors, memory; and the seed of all chance."""

    seconds: float
    threads: int
    memory_bytes: int
    seed: int


def folds_of(rows: int, means: Means) -> int:
    """Five, as is usual; fewer where rows or time are short, more where rows are few and time is not.

    Folds are learnt side by side, one on each processor: a number that leaves none idle costs no more time.
    """
    if means.seconds < QUICK_BUDGET_S / 3 or rows < 30:
        folds = 3
    elif rows < FEW_ROWS and means.seconds > QUICK_BUDGET_S:
        folds = 8
    else:
        folds = 4 if means.seconds <= QUICK_BUDGET_S and rows > 100_000 else 5
    return math.ceil(folds / means.threads) * means.threads if means.threads <= folds else folds


def passes_of(means: Means) -> int:
    """How often all models may be fitted: within the time, and as long as it still tells anything."""
    return int(min(_PASSES_MAX, max(1.0, means.seconds // _PASS_S)))


def rows_max(columns: Columns, features: int, means: Means) -> int:
    """As many rows as memory and time have room for."""
    at_once = min(means.threads, folds_of(FEW_ROWS, means))
    bytes_per_cell = _BYTES_PER_CELL + _BYTES_PER_CELL_AND_MODEL * at_once
    cells = min(
        _CELLS_MAX,
        int(_MEMORY_SHARE * means.memory_bytes / bytes_per_cell),
        int(_CELLS_PER_S * means.threads * means.seconds),
    )
    return max(1_000, cells // (features + 10 + _TEXT_CELLS * len(columns.texts)))
