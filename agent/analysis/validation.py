"""Decides how train is split for cross-validation, so that its scores foretell those on test.

What keeps test apart from train must keep the folds apart: later dates, or whole groups of rows.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from agent.brief import Feature, Task, Validation
from agent.dates import date_format, parse_dates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Codes = NDArray[np.int64]

_GROUPS_MIN: Final = 10
_TEST_GROUPS_MIN: Final = 5
_ROWS_PER_GROUP_MIN: Final = 2
_PAIR_COLUMNS_MAX: Final = 24


def choose_validation(
    train: pl.DataFrame, test: pl.DataFrame, *, task: Task, features: Sequence[Feature]
) -> Validation:
    """The scheme for typed frames `train` and `test`, with its reason in a sentence.

    By time where all of test is later than all of train; by group where a column (or two together) takes
    repeated values in train, none of which is in test; else stratified by class, or plain.
    """
    dates = [feature.name for feature in features if feature.kind == "datetime"]
    between: str | None = None
    for name in dates:
        order = _time_order(train, test, name)
        if order == "after":
            reason = f"Every {name} in test is later than all in train: validate on the latest rows too."
            return Validation(scheme="time", column=name, reason=reason)
        between = between or (name if order == "between" else None)
    group = _group(train, test, [feature.name for feature in features if _may_group(feature)])
    if group is not None:
        name = " and ".join(group)
        reason = f"No {name} of test is in train, where each has several rows: keep its rows in one fold."
        second = group[1] if len(group) > 1 else None
        return Validation(scheme="group", column=group[0], second_column=second, reason=reason)
    aside = f"; {between} does not, as test's dates lie among train's" if between else ""
    apart = f"No column keeps test apart from train{aside}"
    if task == "regression":
        return Validation(scheme="kfold", reason=f"{apart}: shuffled folds.")
    return Validation(scheme="stratified", reason=f"{apart}: shuffled folds with the shares of the classes.")


def _time_order(train: pl.DataFrame, test: pl.DataFrame, name: str) -> str | None:
    """How test's times stand to train's: after, between, or None where the column holds no times."""
    past, future = train[name].drop_nulls(), test[name].drop_nulls()
    if past.is_empty() or future.is_empty():
        return None
    written = date_format(pl.concat([past, future]))
    if written is None:
        return None
    start, end = parse_dates(future, written).sort()[0], parse_dates(past, written).sort()[-1]
    return "after" if start > end else "between"


def _may_group(feature: Feature) -> bool:
    return feature.kind in {"categorical", "text", "numeric"} and feature.unique > 2


def _group(train: pl.DataFrame, test: pl.DataFrame, names: Sequence[str]) -> tuple[str, ...] | None:
    """The column, or the two, that part train from test; of several the one with the fewest groups."""
    coded = {name: codes for name in names if (codes := _codes(train, test, name)) is not None}
    single = [(count, (name,)) for name in coded if (count := _parted_groups(coded[name], train.height))]
    if single:
        return min(single)[1]
    by_count = sorted(coded, key=lambda name: -int(coded[name].max()))[:_PAIR_COLUMNS_MAX]
    pairs: list[tuple[int, tuple[str, ...]]] = []
    for first, second in itertools.combinations(by_count, 2):
        together = coded[first] * (coded[second].max() + 1) + coded[second]
        count = _parted_groups(together, train.height)
        if count:
            pairs.append((count, (first, second)))
    return min(pairs)[1] if pairs else None


def _codes(train: pl.DataFrame, test: pl.DataFrame, name: str) -> Codes | None:
    """A column's values as whole numbers, (n_train + n_test,); None for fractions and for gaps."""
    both = [frame[name] for frame in (train, test)]
    if any(part.dtype.is_float() and (part.drop_nulls() % 1 != 0).any() for part in both):
        return None
    if any(part.null_count() for part in both):
        return None
    dtype = pl.Float64 if all(part.dtype.is_numeric() for part in both) else pl.String
    return pl.concat([part.cast(dtype) for part in both]).rank("dense").to_numpy().astype(np.int64)


def _parted_groups(codes: Codes, train_rows: int) -> int | None:
    """How many groups train has, where they repeat in train and none is in test; else None."""
    test_groups = np.unique(codes[train_rows:])
    if len(test_groups) < _TEST_GROUPS_MIN or np.isin(codes[: min(train_rows, 500)], test_groups).any():
        return None
    groups = np.unique(codes[:train_rows])
    repeat = _GROUPS_MIN <= len(groups) <= train_rows / _ROWS_PER_GROUP_MIN
    return len(groups) if repeat and not np.isin(groups, test_groups).any() else None
