"""The score of a submission that answers every row alike, by plain sums: it is there before any slow library.

The same numbers as `agent.metrics` gives, which needs scikit-learn: where a machine is so busy that this is
not even imported in time, the attempt still ends with what it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import polars as pl

from agent.formulas import VALUE_FORMULAS
from agent.labels import as_labels
from agent.training.outputs import answer_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from agent.brief import Brief, Target

    Floats: TypeAlias = NDArray[np.float64]

_LEAST: Final = 1e-15


def constant_score(answer: pl.DataFrame, truth: pl.DataFrame, brief: Brief) -> float | None:
    """How good the one answer of `answer` (a submission as text) is for train's `truth`.

    Rows without a truth are left out.  None where the metric is not defined for these.
    """
    known = truth.drop_nulls()
    if known.is_empty():
        return None
    cells = answer.select(answer_columns(brief)).row(0)
    if brief.answer == "class_probabilities":
        return _of_chances(brief, known, dict(zip(brief.classes, map(float, cells), strict=True)))
    scores = [
        _of_target(brief, known, target, cell) for target, cell in zip(brief.targets, cells, strict=True)
    ]
    found = [score for score in scores if score is not None]
    return float(np.mean(found)) if len(found) == len(scores) else None


def _of_target(brief: Brief, known: pl.DataFrame, target: Target, cell: str) -> float | None:
    name = brief.metric.name
    if brief.answer == "value":
        values = known[target.train_column].cast(pl.Float64).to_numpy()
        return _of_values(name, values, np.full(len(values), float(cell)))
    shares = _shares(known[target.train_column], brief)
    if brief.answer == "probability":
        return _of_chance(name, shares[brief.positive_label or brief.classes[-1]], float(cell))
    if name.startswith("map@"):
        return sum(shares.get(label, 0.0) / place for place, label in enumerate(cell.split(), start=1))
    return _of_label(name, shares, as_labels(pl.Series([cell]), brief.classes)[0], brief.positive_label)


def _of_values(name: str, truth: Floats, predicted: Floats) -> float | None:
    if name == "rmsle" and min(truth.min(), predicted[0]) < 0:
        return None
    if name == "r2" and np.ptp(truth) == 0:
        return None
    off = np.abs(truth - predicted)
    plain: Mapping[str, Callable[[], float]] = {
        "rmse": lambda: float(np.sqrt(np.mean(off**2))),
        "mcrmse": lambda: float(np.sqrt(np.mean(off**2))),
        "mse": lambda: float(np.mean(off**2)),
        "mae": lambda: float(off.mean()),
        "medae": lambda: float(np.median(off)),
        "mape": lambda: float(np.mean(off / np.maximum(np.abs(truth), np.finfo(np.float64).eps))),
        "rmsle": lambda: float(np.sqrt(np.mean((np.log1p(truth) - np.log1p(predicted)) ** 2))),
        "r2": lambda: 1 - float(np.sum(off**2) / np.sum((truth - truth.mean()) ** 2)),
    }
    return plain[name]() if name in plain else VALUE_FORMULAS[name](truth, predicted)


def _of_chance(name: str, share: float, chance: float) -> float | None:
    if name == "log_loss":
        sure = min(max(chance, _LEAST), 1 - _LEAST)
        return float(-share * np.log(sure) - (1 - share) * np.log(1 - sure))
    if share in {0.0, 1.0}:
        return None
    return {"roc_auc": 0.5, "gini": 0.0, "average_precision": share}[name]


def _of_chances(brief: Brief, known: pl.DataFrame, chances: dict[str, float]) -> float | None:
    shares = _shares(known[brief.targets[0].train_column], brief)
    if brief.metric.name == "log_loss":
        total = sum(chances.values())
        return float(
            -sum(share * np.log(max(chances[label] / total, _LEAST)) for label, share in shares.items())
        )
    found = [_of_chance(brief.metric.name, share, chances[label]) for label, share in shares.items()]
    scores = [score for score in found if score is not None]
    return float(np.mean(scores)) if scores else None


def _of_label(name: str, shares: dict[str, float], label: str, positive: str | None) -> float:
    share = shares.get(label, 0.0)
    f1 = 2 * share / (1 + share)
    present = sum(each > 0 for each in shares.values())
    match name:
        case "accuracy" | "f1_micro":
            return share
        case "balanced_accuracy":
            return (share > 0) / present
        case "f1":
            return f1 if label == positive else 0.0
        case "f1_macro":
            return f1 / (present + (share == 0))
        case "f1_weighted":
            return share * f1
        case _:  # Agreement beyond chance: there is none.
            return 0.0


def _shares(column: pl.Series, brief: Brief) -> dict[str, float]:
    """The part of the rows that each class has."""
    labels = as_labels(column.cast(pl.String), brief.classes)
    return {label: int((labels == label).sum()) / labels.len() for label in brief.classes}
