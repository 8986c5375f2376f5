"""From what the models predict to what a submission says.

A rule that is tuned (a threshold, weights, cut-points) is tuned for each fold on the other folds, so
that the out-of-fold decisions are as honest as those for test, which use a rule tuned on all folds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from agent.codegen.templates.config import Config
from agent.codegen.templates.targets import class_grades

Cells: TypeAlias = list[list[str]]
"""A submission's columns without the id, each a list of cells."""


@dataclass(frozen=True, kw_only=True)
class Raw:
    """Predictions of one target: out-of-fold (n, k) with truth and fold (n,), and for test (m, k)."""

    out_of_fold: NDArray[np.float64]
    truth: NDArray[np.float64]
    fold: NDArray[np.int64]
    test: NDArray[np.float64]


Tune: TypeAlias = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
Apply: TypeAlias = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.int64]]


def tuned(raw: Raw, config: Config, tune: Tune, apply: Apply) -> tuple[Cells, Cells]:
    """Labels for train (tuned on the other folds) and for test (tuned on all)."""
    codes = np.zeros(len(raw.fold), dtype=np.int64)
    for number in np.unique(raw.fold):
        held = raw.fold == number
        learn = ~held if (~held).any() else held
        codes[held] = apply(raw.out_of_fold[held], tune(raw.out_of_fold[learn], raw.truth[learn]))
    test_codes = apply(raw.test, tune(raw.out_of_fold, raw.truth))
    return [[config.classes[c] for c in codes]], [[config.classes[c] for c in test_codes]]


def likeliest_label(raw: Raw, config: Config) -> tuple[Cells, Cells]:
    """The class with the greatest chance."""

    def labels(chances: NDArray[np.float64]) -> Cells:
        best = chances.argmax(axis=1) if chances.shape[1] > 1 else (chances[:, 0] > 0.5).astype(np.int64)
        return [[config.classes[int(code)] for code in in_order(best, config)]]

    return labels(raw.out_of_fold), labels(raw.test)


def ranked_labels(raw: Raw, config: Config) -> tuple[Cells, Cells]:
    """The likeliest classes, best first, parted by blanks: as many as the metric counts."""
    count = int(config.metric.removeprefix("map@"))

    def labels(chances: NDArray[np.float64]) -> Cells:
        full = chances if chances.shape[1] > 1 else both_chances(chances, config)
        best = np.argsort(-full, axis=1, kind="stable")[:, :count]
        return [[" ".join(config.classes[code] for code in row) for row in best]]

    return labels(raw.out_of_fold), labels(raw.test)


def both_chances(chance: NDArray[np.float64], config: Config) -> NDArray[np.float64]:
    """The chances of the two classes, in their order, from that of the positive one."""
    positive = chance[:, 0]
    pair = [1 - positive, positive] if config.classes[1] == config.positive else [positive, 1 - positive]
    return np.column_stack(pair)


def in_order(decided: NDArray[np.int64], config: Config) -> NDArray[np.int64]:
    """Codes of classes from a binary model's 0 and 1, where 1 is the positive class."""
    if not config.positive:
        return decided
    positive = config.classes.index(config.positive)
    return np.where(decided == 1, positive, 1 - positive)


def label_score(truth: NDArray[np.float64], decided: NDArray[np.int64], metric: str) -> float:
    """The metric that labels are tuned by, from the table of truth against decision.

    Both are codes from 0 on; of two classes 1 is the positive one.  Several thousand tables are tried, so
    the formulas are written out here.
    """
    size = int(max(truth.max(), decided.max())) + 1
    table = np.bincount(truth.astype(np.int64) * size + decided, minlength=size * size).reshape(size, size)
    true, answered, hits, rows = table.sum(axis=1), table.sum(axis=0), np.diag(table), table.sum()
    if metric == "mcc":
        spread = (rows**2 - np.sum(true**2.0)) * (rows**2 - np.sum(answered**2.0))
        return float((hits.sum() * rows - np.sum(true * answered)) / np.sqrt(spread)) if spread > 0 else 0.0
    seen = true > 0
    if metric == "balanced_accuracy":
        return float(np.mean(hits[seen] / true[seen]))
    f1 = 2 * hits / np.maximum(true + answered, 1)
    if metric == "f1":
        return float(f1[1]) if size > 1 else 0.0
    if metric == "f1_weighted":
        return float(np.sum(f1 * true) / rows)
    return float(np.mean(f1[true + answered > 0]))


def label_above_threshold(raw: Raw, config: Config) -> tuple[Cells, Cells]:
    """The positive class where its chance is above the threshold that the metric likes best."""

    def tune(chances: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
        marks = np.unique(np.quantile(chances[:, 0], np.linspace(0.02, 0.995, 80)))
        scores = np.array([label_score(truth, (chances[:, 0] > m).astype(int), config.metric) for m in marks])
        # The single best mark is partly luck: the middle of the nearly best ones is steadier.
        width = min(5, len(scores))
        smooth = np.convolve(np.pad(scores, width // 2, mode="edge"), np.ones(width) / width, mode="valid")
        return marks[[int(smooth[: len(marks)].argmax())]]

    def apply(chances: NDArray[np.float64], mark: NDArray[np.float64]) -> NDArray[np.int64]:
        return in_order((chances[:, 0] > mark[0]).astype(np.int64), config)

    return tuned(raw, config, tune, apply)


def label_by_weights(raw: Raw, config: Config) -> tuple[Cells, Cells]:
    """The class with the greatest weighted chance; rare classes get the weight that the metric likes best."""

    def apply(chances: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
        best: NDArray[np.int64] = (chances * weights).argmax(axis=1)
        return best

    def tune(chances: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
        weights = np.ones(chances.shape[1])
        best = label_score(truth, apply(chances, weights), config.metric)
        for _ in range(2):
            for code in range(len(weights)):
                for factor in (0.6, 0.75, 0.87, 1.15, 1.35, 1.7, 2.2):
                    trial = weights.copy()
                    trial[code] *= factor
                    score = label_score(truth, apply(chances, trial), config.metric)
                    if score > best + 1e-3:
                        best, weights = score, trial
        return weights

    return tuned(raw, config, tune, apply)


def label_by_cut_points(raw: Raw, config: Config) -> tuple[Cells, Cells]:
    """The class between whose cut-points a predicted grade lies; the cuts maximise the weighted kappa."""
    grades = class_grades(config)
    present = np.unique(raw.truth)
    code_of = np.array([int(np.flatnonzero(grades == grade)[0]) for grade in present])

    def place(values: NDArray[np.float64], cuts: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.digitize(values[:, 0], np.sort(cuts))

    def tune(values: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
        truth_places = np.searchsorted(present, truth)

        def kappa(cuts: NDArray[np.float64]) -> float:
            decided = present[place(values, cuts)]
            expected = truth.var() + decided.var() + (truth.mean() - decided.mean()) ** 2
            return 1.0 - float(np.mean((truth - decided) ** 2) / expected) if expected > 0 else 0.0

        # Start where the predictions fall into the classes in the shares that truth has.
        shares = np.cumsum(np.bincount(truth_places, minlength=len(present)))[:-1] / len(truth)
        cuts = np.quantile(values[:, 0], np.clip(shares, 0.0, 1.0))
        best = kappa(cuts)
        for step in (0.2, 0.1, 0.05):
            for index in range(len(cuts)):
                for move in (-step, step):
                    trial = cuts.copy()
                    trial[index] += move
                    score = kappa(trial)
                    if score > best:
                        best, cuts = score, trial
        return cuts

    def apply(values: NDArray[np.float64], cuts: NDArray[np.float64]) -> NDArray[np.int64]:
        return code_of[place(values, cuts)]

    return tuned(raw, config, tune, apply)


def positive_chance(raw: Raw, _config: Config) -> tuple[Cells, Cells]:
    """The chance of the positive class."""
    return [written(raw.out_of_fold[:, 0])], [written(raw.test[:, 0])]


def chance_of_each(raw: Raw, config: Config) -> tuple[Cells, Cells]:
    """A chance for each class, in the order of the submission's columns; each row sums to 1."""

    def columns(chances: NDArray[np.float64]) -> Cells:
        full = chances if chances.shape[1] > 1 else both_chances(chances, config)
        full = np.clip(full, 1e-6, 1.0)
        return [written(column) for column in (full / full.sum(axis=1, keepdims=True)).T]

    return columns(raw.out_of_fold), columns(raw.test)


def value(raw: Raw, config: Config) -> tuple[Cells, Cells]:
    """The predicted number, kept within what train has seen."""

    def column(predicted: NDArray[np.float64]) -> Cells:
        numbers = np.clip(predicted[:, 0], raw.truth.min(), raw.truth.max())
        return [written(np.expm1(numbers) if config.log_target else numbers)]

    return column(raw.out_of_fold), column(raw.test)


def written(numbers: NDArray[np.float64]) -> list[str]:
    """Numbers as text, short but exact to nine digits."""
    return [f"{number:.9g}" for number in numbers]
