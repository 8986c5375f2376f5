"""Looks for drift: can a row of test be told from one of train, and by which columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from agent.analysis.checks import ROWS_MAX, as_number, binned
from agent.brief import Check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.brief import Feature

    Floats = NDArray[np.float64]

NAME: Final = "drift between train and test"
SECONDS_MIN: Final = 3.0
"""With less to spend the library that learns would not even be imported."""

_ROWS_MIN: Final = 60
_COLUMNS_MAX: Final = 60
_DRIFT: Final = 0.7
_COLUMN_DRIFT: Final = 0.6
_SHOWN: Final = 5


def drift(train: pl.DataFrame, test: pl.DataFrame, features: Sequence[Feature], *, seconds: float) -> Check:
    """Adversarial validation: how well (area under the ROC curve, on rows not learnt from) test is told from
    train by all features but texts, and which of them tell most by themselves.

    Not made where `seconds` are too few.
    """
    asked = [feature for feature in features if feature.kind != "text"][:_COLUMNS_MAX]
    if not asked or min(train.height, test.height) < _ROWS_MIN:
        return Check(name=NAME, found=None, says="Too few rows or columns to tell test from train.")
    both = pl.concat(
        [
            _some(frame).select(
                pl.col(feature.name).cast(pl.String) if _is_wordy(feature) else feature.name
                for feature in asked
            )
            for frame in (train, test)
        ],
        how="vertical_relaxed",
    )
    of_test = np.arange(both.height) >= _some(train).height
    half = np.random.default_rng(0).random(both.height) < 0.5
    alone = {feature.name: _alone(both[feature.name], feature, of_test, half) for feature in asked}
    moved = sorted((name for name in alone if alone[name] > _COLUMN_DRIFT), key=lambda name: -alone[name])
    columns = ", ".join(f"{name} ({alone[name]:.2f})" for name in moved[:_SHOWN]) or "none by itself"
    if seconds < SECONDS_MIN:
        says = (
            f"No model was asked: {seconds:.1f} s are too few. Columns that tell test from train: {columns}."
        )
        return Check(name=NAME, found=None, says=says)
    together = _together(both, asked, of_test, half)
    says = (
        f"Test is told from train with an area under the ROC curve of {together:.2f}; by columns: {columns}."
    )
    return Check(name=NAME, found=together > _DRIFT, says=says)


def area(chances: Floats, of_test: NDArray[np.bool_]) -> float:
    """The area under the ROC curve of `chances` (n,) to be a row of test; 0.5 where one side has no row."""
    positive = int(of_test.sum())
    negative = len(of_test) - positive
    if not positive or not negative:
        return 0.5
    ranks = pl.Series(chances).rank().to_numpy()
    return float((ranks[of_test].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _alone(column: pl.Series, feature: Feature, of_test: NDArray[np.bool_], half: NDArray[np.bool_]) -> float:
    """The area by one column: the share of test's rows in each bin, learnt on one half, told on the other."""
    codes = binned(column, feature)
    size = int(codes.max()) + 1
    counts = np.bincount(codes[half], minlength=size)
    tested = np.bincount(codes[half], weights=of_test[half].astype(np.float64), minlength=size)
    share = (tested + of_test.mean()) / (counts + 1)
    return area(share[codes[~half]], of_test[~half])


def _together(
    both: pl.DataFrame, features: Sequence[Feature], of_test: NDArray[np.bool_], half: NDArray[np.bool_]
) -> float:
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - slow to import
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415 - has no types

    matrix = np.column_stack([_numbers(both[feature.name], feature) for feature in features])
    model = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=12, learning_rate=0.15, early_stopping=False, random_state=0
    )
    # On a busy machine threads that wait for each other take ten times as long as one.
    with threadpool_limits(1):
        model.fit(matrix[half], of_test[half])
        return area(model.predict_proba(matrix[~half])[:, 1], of_test[~half])


def _numbers(column: pl.Series, feature: Feature) -> Floats:
    if feature.kind in {"numeric", "datetime"}:
        return as_number(column, feature).to_numpy().astype(np.float64)
    return binned(column, feature).astype(np.float64)


def _is_wordy(feature: Feature) -> bool:
    return feature.kind in {"categorical", "boolean", "datetime"}


def _some(frame: pl.DataFrame) -> pl.DataFrame:
    return frame if frame.height <= ROWS_MAX // 2 else frame.sample(ROWS_MAX // 2, seed=0)
