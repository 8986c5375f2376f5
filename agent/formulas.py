"""The arithmetic of the metrics, on arrays: what `agent.metrics.score` calls once it knows the shapes.

`truth` and `predicted` are (n_rows,) floats, `true` and `answered` (n_rows,) labels.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]
    Words: TypeAlias = NDArray[np.object_]

_PROBABILITY_MIN: Final = 1e-15


class _Scikit:
    """scikit-learn's metrics, imported at the first use: only scoring needs so slow a library."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module("sklearn.metrics"), name)


sk: Final = _Scikit()


def _rmse(truth: Floats, predicted: Floats) -> float:
    return float(sk.root_mean_squared_error(truth, predicted))


def _rmsle(truth: Floats, predicted: Floats) -> float:
    if (predicted < 0).any() or (truth < 0).any():
        raise ValueError("rmsle is not defined for negative values.")
    return float(sk.root_mean_squared_log_error(truth, predicted))


def _smape(truth: Floats, predicted: Floats) -> float:
    """In percent, 0..200; a pair of zeros counts as exact.  Source: Kaggle's "SMAPE"."""
    size = np.abs(truth) + np.abs(predicted)
    error = np.divide(2 * np.abs(truth - predicted), size, out=np.zeros_like(size), where=size > 0)
    return float(100 * error.mean())


def _rmspe(truth: Floats, predicted: Floats) -> float:
    """Rows whose true value is 0 are left out.  Source: Kaggle's "Root Mean Square Percentage Error"."""
    kept = truth != 0
    if not kept.any():
        raise ValueError("rmspe is not defined where every true value is 0.")
    return float(np.sqrt(np.mean(((truth[kept] - predicted[kept]) / truth[kept]) ** 2)))


def _pearson(truth: Floats, predicted: Floats) -> float:
    """0 where either side is constant: it then tells nothing."""
    if np.ptp(truth) == 0 or np.std(predicted) < 1e-12:
        return 0.0
    return float(np.corrcoef(truth, predicted)[0, 1])


def _spearman(truth: Floats, predicted: Floats) -> float:
    return _pearson(pl.Series(truth).rank().to_numpy(), pl.Series(predicted).rank().to_numpy())


VALUE_FORMULAS: Final[Mapping[str, Callable[[Floats, Floats], float]]] = {
    "rmse": _rmse,
    "mcrmse": _rmse,
    "mse": lambda truth, predicted: float(sk.mean_squared_error(truth, predicted)),
    "rmsle": _rmsle,
    "rmspe": _rmspe,
    "mae": lambda truth, predicted: float(sk.mean_absolute_error(truth, predicted)),
    "medae": lambda truth, predicted: float(sk.median_absolute_error(truth, predicted)),
    "mape": lambda truth, predicted: float(sk.mean_absolute_percentage_error(truth, predicted)),
    "smape": _smape,
    "r2": lambda truth, predicted: float(sk.r2_score(truth, predicted)),
    "pearson": _pearson,
    "spearman": _spearman,
}


def score_labels(
    metric: str, true: Words, answered: Words, classes: Sequence[str], positive_label: str | None
) -> float:
    """Of one answer a row.  Raises ValueError for f1 where no label of two is the positive one."""
    match metric:
        case "accuracy":
            return float(sk.accuracy_score(true, answered))
        case "balanced_accuracy":
            # Its own function warns of answers that are in no true row; the mean recall is the same number.
            present = sorted(set(true))
            return float(sk.recall_score(true, answered, labels=present, average="macro", zero_division=0))
        case "mcc" | "qwk" if len(set(true) | set(answered)) == 1:
            # One label on both sides shows no agreement beyond chance; scikit-learn warns and says the same.
            return 0.0
        case "mcc":
            return float(sk.matthews_corrcoef(true, answered))
        case "qwk":
            return _quadratic_weighted_kappa(true, answered, classes)
        case "f1":
            if positive_label is None or len(classes) > 2:
                raise ValueError("f1 is of one class against another: it needs a positive label of two.")
            # Of one label only: exact also where a fold has no positive row at all.
            marked = [positive_label]
            return float(sk.f1_score(true, answered, labels=marked, average="macro", zero_division=0))
        case _:
            average = metric.removeprefix("f1_")
            return float(sk.f1_score(true, answered, average=average, zero_division=0))


def _quadratic_weighted_kappa(true: Words, answered: Words, classes: Sequence[str]) -> float:
    """Whole-number classes by their value (a gap counts as one), words by their place in `classes`."""
    try:
        place = {label: int(label) for label in classes}
    except ValueError:
        place = {label: rank for rank, label in enumerate(classes)}
    return float(
        sk.cohen_kappa_score(
            [place[label] for label in true],
            [place[label] for label in answered],
            labels=list(range(min(place.values()), max(place.values()) + 1)),
            weights="quadratic",
        )
    )


def score_probability(metric: str, positive: NDArray[np.bool_], chances: Floats) -> float:
    """Of one column: `positive` and `chances` (of the positive label) are (n_rows,)."""
    if metric == "log_loss":
        if ((chances < 0) | (chances > 1)).any():
            raise ValueError("log_loss needs probabilities in 0..1.")
        clipped = np.clip(chances, _PROBABILITY_MIN, 1 - _PROBABILITY_MIN)
        return float(sk.log_loss(positive, clipped, labels=[False, True]))
    if positive.all() or not positive.any():
        raise ValueError(f"{metric} needs rows of both classes.")
    if metric == "average_precision":
        return float(sk.average_precision_score(positive, chances))
    area = float(sk.roc_auc_score(positive, chances))
    return area if metric == "roc_auc" else 2 * area - 1


def score_by_class(metric: str, true: Words, chances: Floats, classes: Sequence[str]) -> float:
    """Of a column for each class: `true` is (n_rows,), `chances` (n_rows, n_classes), rescaled to sum to 1.

    Areas are the mean of one class against the rest over the classes that both occur and can be missed.
    """
    if metric == "log_loss":
        if ((chances < 0) | (chances > 1)).any():
            raise ValueError("log_loss needs probabilities in 0..1.")
        sums = chances.sum(axis=1)
        if (sums <= 0).any():
            raise ValueError("log_loss needs rows whose probabilities do not sum to 0.")
        place = {label: column for column, label in enumerate(classes)}
        of_truth = (chances / sums[:, None])[np.arange(len(true)), [place[label] for label in true]]
        return float(-np.log(np.clip(of_truth, _PROBABILITY_MIN, 1 - _PROBABILITY_MIN)).mean())
    scores = [
        score_probability(metric, true == label, chances[:, column])
        for column, label in enumerate(classes)
        if 0 < (true == label).sum() < len(true)
    ]
    if not scores:
        raise ValueError(f"{metric} needs rows of at least two classes.")
    return float(np.mean(scores))


def mean_average_precision(true: Words, cells: pl.Series, ranked: int, classes: Sequence[str]) -> float:
    """map@`ranked` for one true label a row: the mean of 1/rank at which it was named, 0 where it was not."""
    known = set(classes)
    total = 0.0
    for label, cell in zip(true, cells, strict=True):
        named = cell.split()
        if not 0 < len(named) <= ranked or not known.issuperset(named):
            raise ValueError(f"A cell must hold 1 to {ranked} known labels, parted by blanks, not {cell!r}.")
        total += 1 / (named.index(label) + 1) if label in named else 0.0
    return total / len(true)
