"""The functions that a solution is made of, by what they are for."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from agent.codegen.templates.config import Config
from agent.codegen.templates.decisions import Cells, Raw
from agent.codegen.templates.features import Block, Encoder
from agent.codegen.templates.lessons import Lesson, Model


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The functions that this solution is made of, by what they are for."""

    target: Callable[[pl.Series, Config], NDArray[np.float64]]
    steps: tuple[Callable[[pl.DataFrame, Config], Block], ...]
    encoders: tuple[Callable[[pl.DataFrame, Config], Encoder], ...]
    options: tuple[Callable[[pl.DataFrame, Config], Encoder], ...]  # encoders that are tried first
    split: Callable[[pl.DataFrame, NDArray[np.float64], Config], NDArray[np.int64]]
    learn_from: Callable[[NDArray[np.int64], int], NDArray[np.int64]]
    for_test: Callable[..., NDArray[np.float64]]
    loss: Callable[[NDArray[np.float64], NDArray[np.float64]], float]
    decide: Callable[[Raw, Config], tuple[Cells, Cells]]
    members: dict[str, Callable[[Lesson, Config], Model]]
