"""The metrics that competitions are scored by, all through one function.

It takes predictions in the shape of a submission, so that out-of-fold predictions during training and
held-back answers afterwards are graded by the same code.  Everything that scikit-learn has is scikit-learn's.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec
import numpy as np
import polars as pl

from agent.brief import Answer, Target
from agent.formulas import (
    VALUE_FORMULAS,
    mean_average_precision,
    score_by_class,
    score_labels,
    score_probability,
)
from agent.labels import as_labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]
    Words: TypeAlias = NDArray[np.object_]

RANKED_MAX: Final = 20
"""map@1 to map@20 are known: a submission's cell then holds so many labels, best first, by blanks."""


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A metric by its name, its direction, and what the cells that it grades may hold."""

    name: str
    maximize: bool
    answers: tuple[Answer, ...]


_LABEL_METRICS: Final = (
    "accuracy",
    "balanced_accuracy",
    "f1",
    "f1_macro",
    "f1_micro",
    "f1_weighted",
    "mcc",
    "qwk",
)

_PROBABILITY_METRICS: Final = ("log_loss", "roc_auc", "gini", "average_precision")


def _known() -> dict[str, Metric]:
    maximized_values = {"r2", "pearson", "spearman"}
    known = [
        Metric(name=name, maximize=name in maximized_values, answers=("value",)) for name in VALUE_FORMULAS
    ]
    known += [Metric(name=name, maximize=True, answers=("label",)) for name in _LABEL_METRICS]
    known += [
        Metric(name=name, maximize=name != "log_loss", answers=("probability", "class_probabilities"))
        for name in _PROBABILITY_METRICS
    ]
    known += [
        Metric(name=f"map@{ranked}", maximize=True, answers=("label",)) for ranked in range(1, RANKED_MAX + 1)
    ]
    return {metric.name: metric for metric in known}


METRICS: Final[Mapping[str, Metric]] = MappingProxyType(_known())


def ranked_count(metric: str) -> int | None:
    """How many labels, best first, a cell may hold under `metric`; None where it holds one answer."""
    return int(metric.removeprefix("map@")) if metric.startswith("map@") else None


def score(
    metric: str,
    *,
    truth: pl.DataFrame,
    predicted: pl.DataFrame,
    targets: Sequence[Target],
    classes: Sequence[str] = (),
    positive_label: str | None = None,
) -> float:
    """How good `predicted` is under `metric`; rows of the two frames belong together by position.

    `truth` has the targets' train columns.  `predicted` has their submission columns; or, where each class
    has a column of its own, one target's classes in the order of `classes`, whatever the columns are
    called.  Several targets count by the mean of their scores.  Labels may be words, numbers or booleans.

    Raises ValueError, saying what to mend, for an unknown metric and for frames that do not fit it: other
    shapes, missing columns, empty or infinite cells, labels that are no class, probabilities outside 0..1
    (log_loss), negative values (rmsle).
    """
    if metric not in METRICS:
        raise ValueError(f"There is no metric {metric!r}; known are: {', '.join(METRICS)}.")
    if truth.height != predicted.height or truth.height == 0:
        raise ValueError(f"{predicted.height} predictions do not answer {truth.height} rows.")
    if not targets:
        raise ValueError("There is no target to score.")
    first = targets[0]
    if len(targets) == 1 and first.submission_column not in predicted.columns:
        if metric not in _PROBABILITY_METRICS or predicted.width != len(classes):
            raise ValueError(
                f"{metric} needs a column {first.submission_column!r}, or for probabilities one column for "
                f"each of the {len(classes)} classes; there are {predicted.columns[:5]}."
            )
        chances = np.column_stack([_numbers(predicted, name) for name in predicted.columns])
        return score_by_class(metric, _labels(truth, first.train_column, classes), chances, classes)
    scores = [
        _score_column(metric, truth, predicted, target=target, classes=classes, positive_label=positive_label)
        for target in targets
    ]
    return float(np.mean(scores))


def _score_column(
    metric: str,
    truth: pl.DataFrame,
    predicted: pl.DataFrame,
    *,
    target: Target,
    classes: Sequence[str],
    positive_label: str | None,
) -> float:
    if metric in VALUE_FORMULAS:
        return VALUE_FORMULAS[metric](
            _numbers(truth, target.train_column), _numbers(predicted, target.submission_column)
        )
    true = _labels(truth, target.train_column, classes)
    if metric in _PROBABILITY_METRICS:
        if positive_label is None:
            raise ValueError(f"{metric} of one column needs to know which label is the positive one.")
        chances = _numbers(predicted, target.submission_column)
        return score_probability(metric, true == positive_label, chances)
    ranked = ranked_count(metric)
    if ranked is not None:
        cells = _column(predicted, target.submission_column).cast(pl.String)
        return mean_average_precision(true, cells, ranked, classes)
    answered = _labels(predicted, target.submission_column, classes)
    return score_labels(metric, true, answered, classes, positive_label)


def _column(frame: pl.DataFrame, name: str) -> pl.Series:
    if name not in frame.columns:
        raise ValueError(f"There is no column {name!r} among {frame.columns[:5]}.")
    column = frame[name]
    if column.null_count():
        raise ValueError(f"Column {name!r} has {column.null_count()} empty cells.")
    return column


def _numbers(frame: pl.DataFrame, name: str) -> Floats:
    column = _column(frame, name)
    numbers = column.cast(pl.Float64, strict=False)
    if numbers.null_count() or not numbers.is_finite().all():
        raise ValueError(f"Column {name!r} has cells that are no finite numbers.")
    return numbers.to_numpy()


def _labels(frame: pl.DataFrame, name: str, classes: Sequence[str]) -> Words:
    labels = as_labels(_column(frame, name), classes)
    strange = labels.filter(~labels.is_in(list(classes))).unique().sort().head(5).to_list()
    if strange:
        raise ValueError(f"Column {name!r} has labels that are no class: {strange}.")
    return labels.to_numpy()
