"""What any kind of model learns from, and what a fitted one can do."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What one model learns from.  The held-back rows are watched, never learnt from."""

    matrix: NDArray[np.float32]  # (n_rows, n_columns); missing is NaN
    target: NDArray[np.float64]  # (n_rows,)
    held: NDArray[np.float32]  # (n_held, n_columns); empty where none are held back
    held_target: NDArray[np.float64]  # (n_held,)
    categorical: list[int]  # columns that hold codes
    rounds: int  # at most, of a model that is made of rounds
    seed: int
    threads: int  # that this model may use; others may be learning at the same time
    until: float  # time.monotonic() at which a model made of rounds stops
    tell: Callable[[int, float], None]  # (round, loss on the held-back rows)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A fitted model.

    `predict` takes a matrix and how many rounds to use, and gives (n_rows,) or (n_rows, n_outputs).
    `curve` is the loss on the held-back rows after each round, empty for a model not made of rounds.
    `gains` says how much each column told, (n_columns,); all zero where the model cannot say.
    """

    predict: Callable[[NDArray[np.float32], int], NDArray[np.float64]]
    curve: NDArray[np.float64]
    gains: NDArray[np.float64]
