"""Columns of the design matrix that need no target: numbers, dates, codes, counts."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from agent.codegen.templates.config import Config
from agent.codegen.templates.tables import to_numbers
from agent.dates import FORMATS, MONTH_FORMATS, parse_dates


@dataclass(frozen=True, kw_only=True)
class Block:
    """Columns of the design matrix: `values` has shape (n_rows, len(names))."""

    names: list[str]
    values: NDArray[np.float32]
    categorical: bool = False


Encoder: TypeAlias = Callable[[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]], Block]
"""(target of the training rows, rows to learn from, the fold of each of these) -> columns for all rows.  A
row that is learnt from gets the value of a model that saw nothing of its fold."""


def block(columns: dict[str, NDArray[np.float64]], rows: int, *, categorical: bool = False) -> Block:
    """Put named columns side by side, leaving out those that hold one value only."""
    kept = {}
    for name, column in columns.items():
        known = column[~np.isnan(column)]
        if known.size and (known.size < rows or known.min() < known.max()):
            kept[name] = column
    values = np.column_stack(list(kept.values())) if kept else np.empty((rows, 0))
    return Block(names=list(kept), values=values.astype(np.float32), categorical=categorical)


def numbers(frame: pl.DataFrame, config: Config) -> Block:
    """Numeric columns as they are; missing stays missing."""
    comma = config.train.decimal_comma
    return block({name: to_numbers(frame[name], comma) for name in config.numbers}, frame.height)


def missing_count(frame: pl.DataFrame, config: Config) -> Block:
    """How many cells of a row are empty: often a sign of where the row came from."""
    used = [*config.numbers, *config.dates, *config.categories, *config.many_valued, *config.texts]
    count = frame.select(pl.sum_horizontal(pl.col(used).is_null())).to_series()
    return block({"missing_count": count.to_numpy().astype(np.float64)}, frame.height)


def to_dates(cells: pl.Series) -> pl.Series:
    """Text to datetimes by the one format that reads most cells; the rest is null."""
    best = pl.Series(cells.name, [None] * len(cells), dtype=pl.Datetime("us"))
    for written in (*FORMATS, *MONTH_FORMATS):
        read = parse_dates(cells, written)
        if read.null_count() < best.null_count():
            best = read
        if best.null_count() == cells.null_count():
            break
    return best


def dates(frame: pl.DataFrame, config: Config) -> Block:
    """Calendar parts of each date, days since the first, and hours between each pair of dates."""
    columns: dict[str, NDArray[np.float64]] = {}
    days: dict[str, NDArray[np.float64]] = {}
    for name in config.dates:
        when = to_dates(frame[name])
        days[name] = when.dt.epoch("s").cast(pl.Float64).to_numpy() / 86_400
        first = np.nanmin(days[name]) if when.null_count() < len(when) else 0.0
        columns[f"{name} elapsed days"] = days[name] - first
        for part in ("year", "month", "day", "weekday", "hour", "minute", "ordinal_day"):
            values = getattr(when.dt, part)()
            columns[f"{name} {part}"] = values.cast(pl.Float64).to_numpy()
    for one, other in itertools.combinations(config.dates[:5], 2):
        columns[f"{other} - {one} hours"] = (days[other] - days[one]) * 24
    return block(columns, frame.height)


def ordered_values(cells: pl.Series) -> list[str]:
    """The distinct values, in numeric order where they are numbers."""
    values = cells.drop_nulls().unique().sort()
    as_numbers = values.cast(pl.Float64, strict=False)
    return (values if as_numbers.null_count() else values.gather(as_numbers.arg_sort())).to_list()


def codes(frame: pl.DataFrame, config: Config) -> Block:
    """A whole number for each category, missing among them: the models take these as categories."""
    columns = {}
    for name in config.categories:
        order = {value: float(code) for code, value in enumerate(ordered_values(frame[name]), start=1)}
        coded = frame[name].replace_strict(order, default=0.0, return_dtype=pl.Float64)
        columns[name] = coded.to_numpy().astype(np.float64)
    return block(columns, frame.height, categorical=True)


def numbers_in_text(frame: pl.DataFrame, config: Config) -> Block:
    """The first number in cells such as `36 months` or `10+ years`, where most cells have one."""
    columns = {}
    for name in (*config.categories, *config.many_valued, *config.texts):
        found = frame[name].str.extract(r"(\d+(?:\.\d+)?)").cast(pl.Float64, strict=False)
        cells = len(frame[name]) - frame[name].null_count()
        if cells and len(found) - found.null_count() > cells / 2:
            columns[f"{name} number"] = found.to_numpy().astype(np.float64)
    return block(columns, frame.height)


def frequencies(frame: pl.DataFrame, config: Config) -> Block:
    """How often a value of a many-valued column occurs."""
    columns = {}
    for name in config.many_valued:
        count = frame.select(pl.len().over(name)).to_series()
        columns[f"{name} frequency"] = count.to_numpy().astype(np.float64)
    return block(columns, frame.height)
