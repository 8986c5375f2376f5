"""What the models learn, read from the target column: numbers, chances or grades, NaN where unknown."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from agent.codegen.templates.config import Config
from agent.codegen.templates.tables import class_codes, to_numbers


def number_target(cells: pl.Series, config: Config) -> NDArray[np.float64]:
    """The number itself."""
    return to_numbers(cells, config.train.decimal_comma)


def log_target(cells: pl.Series, config: Config) -> NDArray[np.float64]:
    """log(1 + y): equal ratios count as equal errors."""
    return np.log1p(to_numbers(cells, config.train.decimal_comma))


def class_target(cells: pl.Series, config: Config) -> NDArray[np.float64]:
    """The position of the label in the list of classes."""
    return class_codes(cells, config)


def positive_target(cells: pl.Series, config: Config) -> NDArray[np.float64]:
    """1 for the positive class, 0 for the other."""
    codes = class_codes(cells, config)
    return np.where(
        np.isnan(codes), np.nan, (codes == config.classes.index(config.positive)).astype(np.float64)
    )


def class_grades(config: Config) -> NDArray[np.float64]:
    """The value of each class: the whole number that it is written as, else its place."""
    try:
        return np.array([float(int(label)) for label in config.classes])
    except ValueError:
        return np.arange(len(config.classes), dtype=np.float64)


def grade_target(cells: pl.Series, config: Config) -> NDArray[np.float64]:
    """An ordered class as a number."""
    codes = class_codes(cells, config)
    known = ~np.isnan(codes)
    target = np.full(len(codes), np.nan)
    target[known] = class_grades(config)[codes[known].astype(np.int64)]
    return target
