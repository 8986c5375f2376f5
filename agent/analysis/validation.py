"""Decides how train is split for cross-validation, so that its scores foretell those on test.

What keeps test apart from train must keep the folds apart: later dates, stretches of time that train lacks,
or whole groups of rows.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from agent.analysis.stretches import span_in_words, stretch_of_test
from agent.brief import Feature, Task, Validation
from agent.dates import date_format, parse_dates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Codes = NDArray[np.int64]
    Moments = NDArray[np.float64]

_GROUPS_MIN: Final = 10
_TEST_GROUPS_MIN: Final = 5
_ROWS_PER_GROUP_MIN: Final = 2
_PAIR_COLUMNS_MAX: Final = 24
_NUMBERED_TIMES_MIN: Final = 5
_CLOCKS_MAX: Final = 100
"""Of so many numbers those behind the first are measurements, not a clock: each takes time to look at."""


def choose_validation(
    train: pl.DataFrame,
    test: pl.DataFrame,
    *,
    task: Task,
    features: Sequence[Feature],
    id_column: str | None = None,
) -> Validation:
    """The scheme for typed frames `train` and `test`, with its reason in a sentence.

    By time where all of test is later than all of train, by a date or a number that counts it; in blocks
    where test takes stretches out of train's time; by group where a column (or two together) takes repeated
    values in train, none of which is in test; else stratified by class, or plain.
    """
    dates = _timelines(train, test, [each.name for each in features if each.kind == "datetime"])
    numbers = _timelines(
        train, test, [each.name for each in features if each.kind == "numeric"][:_CLOCKS_MAX]
    )
    found = _later(dates, once=True) or _later(numbers, once=False) or _blocks(dates, dated=True)
    if found is not None:
        return found
    group = _group(train, test, [feature.name for feature in features if _may_group(feature)])
    if group is not None:
        name = " and ".join(group)
        reason = f"No {name} of test is in train, where each has several rows: keep its rows in one fold."
        second = group[1] if len(group) > 1 else None
        return Validation(scheme="group", column=group[0], second_column=second, reason=reason)
    counted = numbers | _timelines(
        train, test, [id_column] if id_column and id_column in test.columns else []
    )
    found = _blocks(counted, dated=False)
    if found is not None:
        return found
    among = next(iter(dates), None)
    aside = f"; {among} does not, as test's dates lie among train's" if among else ""
    apart = f"No column keeps test apart from train{aside}"
    if task == "regression":
        return Validation(scheme="kfold", reason=f"{apart}: shuffled folds.")
    return Validation(scheme="stratified", reason=f"{apart}: shuffled folds with the shares of the classes.")


def _timelines(
    train: pl.DataFrame, test: pl.DataFrame, names: Sequence[str | None]
) -> dict[str, tuple[Moments, Moments]]:
    """The moments of train and of test, by column: seconds of dates, numbers as they are."""
    found: dict[str, tuple[Moments, Moments]] = {}
    for name in names:
        if name is None or name not in train.columns:
            continue
        past, future = train[name].drop_nulls(), test[name].drop_nulls()
        if past.is_empty() or future.is_empty():
            continue
        if past.dtype == pl.String and future.dtype == pl.String:
            written = date_format(pl.concat([past, future]))
            if written is None:
                continue
            past, future = (parse_dates(cells, written).dt.epoch("s") for cells in (past, future))
        elif not (past.dtype.is_numeric() and future.dtype.is_numeric()):
            continue
        found[name] = (past.cast(pl.Float64).to_numpy(), future.cast(pl.Float64).to_numpy())
    return found


def _later(timelines: dict[str, tuple[Moments, Moments]], *, once: bool) -> Validation | None:
    """By time, where all of test is later; a mere number must be a count, each seen again, unless `once`."""
    for name, (past, future) in timelines.items():
        moments = np.unique(past)
        counts = once or (len(moments) >= _NUMBERED_TIMES_MIN and len(moments) < len(past) / 2)
        if counts and len(moments) > 1 and future.min() > past.max():
            reason = f"Every {name} in test is later than all in train: validate on the latest rows too."
            return Validation(scheme="time", column=name, reason=reason)
    return None


def _blocks(timelines: dict[str, tuple[Moments, Moments]], *, dated: bool) -> Validation | None:
    """In blocks, where test takes stretches out of train's time."""
    for name, (past, future) in timelines.items():
        gap = stretch_of_test(past, future)
        if gap is not None:
            length = span_in_words(gap, dated=dated)
            reason = f"By {name}, test takes stretches of about {length} out of train: folds do the same."
            return Validation(scheme="blocks", column=name, gap=gap, reason=reason)
    return None


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
