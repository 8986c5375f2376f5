"""Sorts the columns of train and test: what kind each is, and which no model may learn from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import polars as pl

from agent.brief import ColumnKind, Feature
from agent.dates import date_format

if TYPE_CHECKING:
    from collections.abc import Collection

_TEXT_WORDS_MIN: Final = 1.5
_TEXT_UNIQUE_MIN: Final = 0.3
_KEY_UNIQUE_MIN: Final = 0.95
_UNNAMED: Final = re.compile(r"|Unnamed: \d+")
_MARKS: Final = (-99, -999, -9999, -99999)
_MARKED_ROWS_MIN: Final = 3


def sort_columns(
    train: pl.DataFrame, test: pl.DataFrame, *, id_column: str | None, targets: Collection[str]
) -> tuple[tuple[Feature, ...], dict[str, str]]:
    """The features that train and test share, in train's order, and every other column with the reason.

    `train` and `test` are typed frames (`agent.analysis.tables.read_table`); missing and unique are
    train's.  An id that is a date is a feature: the hour of a row tells much, and test has it too.
    """
    features: list[Feature] = []
    dropped: dict[str, str] = {}
    for name in train.columns:
        if name in targets:
            continue
        if name not in test.columns:
            dropped[name] = "in train only: unknown when predicting"
            continue
        feature, reason = _judge(train[name], test[name])
        if name == id_column and feature.kind != "datetime":
            reason = "the id of a row"
        elif _UNNAMED.fullmatch(name) and feature.unique == train.height:
            reason = "numbers that a table writer gave the rows"
        if reason is None:
            features.append(feature)
        else:
            dropped[name] = reason
    for name in test.columns:
        if name not in train.columns and name != id_column:
            dropped[name] = "in test only: nothing to learn from"
    return tuple(features), dropped


def missing_marks(train: pl.DataFrame, features: Collection[Feature]) -> dict[str, float]:
    """The number that stands for a missing one, by column: a -999 that repeats, far below all else."""
    found: dict[str, float] = {}
    for feature in features:
        if feature.kind != "numeric":
            continue
        least = train[feature.name].min()
        if not isinstance(least, int | float) or least not in _MARKS:
            continue
        marked = train[feature.name] == least
        others = train[feature.name].filter(~marked).min()
        if isinstance(others, int | float) and others > least / 10 and marked.sum() >= _MARKED_ROWS_MIN:
            found[feature.name] = float(least)
    return found


def kind_of(train: pl.Series, test: pl.Series) -> ColumnKind:
    """The kind of a column from its typed cells in both tables.

    A column that is numbers in one table and words in the other is categorical: the words are real.
    """
    filled = [part.dtype for part in (train, test) if part.null_count() < part.len()]
    if all(dtype.is_numeric() for dtype in filled):
        return "numeric"
    if all(dtype == pl.Boolean for dtype in filled):
        return "boolean"
    if any(dtype != pl.String for dtype in filled):
        return "categorical"
    if date_format(pl.concat([train.cast(pl.String), test.cast(pl.String)])):
        return "datetime"
    return "text" if _is_text(train) else "categorical"


def _judge(train: pl.Series, test: pl.Series) -> tuple[Feature, str | None]:
    """The column as a feature, and why it is none after all (None where it is one)."""
    filled = train.drop_nulls()
    feature = Feature(
        name=train.name,
        kind=kind_of(train, test),
        missing_fraction=train.null_count() / max(1, train.len()),
        unique=filled.n_unique(),
    )
    if feature.unique <= 1 and (feature.missing_fraction == 0 or feature.unique == 0):
        return feature, "the same in every row of train"
    if (
        feature.kind == "categorical"
        and feature.unique > _KEY_UNIQUE_MIN * filled.len()
        and filled.len() > 20
    ):
        return feature, "almost every value is its own: a name or a key, not a category"
    return feature, None


def _is_text(words: pl.Series) -> bool:
    """Whether cells are sentences or phrases that seldom repeat, rather than names of categories."""
    filled = words.drop_nulls()
    if filled.is_empty() or filled.n_unique() < _TEXT_UNIQUE_MIN * filled.len():
        return False
    spaces = filled.str.strip_chars().str.count_matches(r"\s+").mean()
    return isinstance(spaces, float) and spaces + 1 >= _TEXT_WORDS_MIN
