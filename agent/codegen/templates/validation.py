"""Cross-validation: every kind of model on every fold, and the mix of them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from agent.codegen.templates.boosting import Lesson, Model
from agent.codegen.templates.choices import Choices
from agent.codegen.templates.config import Config
from agent.codegen.templates.decisions import Raw
from agent.codegen.templates.features import Block, Encoder
from agent.codegen.templates.pace import Pace


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The rows to learn from and to predict, as numbers."""

    base: list[Block]  # the first len(fold) rows are train's, the rest test's
    encoders: list[Encoder]
    targets: list[NDArray[np.float64]]
    fold: NDArray[np.int64]
    encoded: dict[tuple[int, int], list[Block]] = field(default_factory=dict)

    def blocks(self, which: int, fold: int, rows: NDArray[np.int64]) -> list[Block]:
        """All columns for a target and a fold; what is learnt from the target is learnt once."""
        if (which, fold) not in self.encoded:
            self.encoded[which, fold] = [encode(self.targets[which], rows) for encode in self.encoders]
        return [*self.base, *self.encoded[which, fold]]


def prepare(
    train: pl.DataFrame, test: pl.DataFrame, config: Config, choices: Choices, pace: Pace
) -> tuple[Problem, NDArray[np.int64]]:
    """The design matrix, the folds, and which rows of train are used (those whose targets are known)."""
    targets = [choices.target(train[column], config) for column in config.targets]
    rows = np.flatnonzero(~np.isnan(np.column_stack(targets)).any(axis=1))
    train = train[rows]
    targets = [target[rows] for target in targets]
    fold = choices.split(train, targets[0], config)
    used = [
        *dict.fromkeys(
            (*config.numbers, *config.dates, *config.categories, *config.many_valued, *config.texts)
        )
    ]
    frame = pl.concat([train.select(used), test.select(used)])
    base = []
    for number, step in enumerate(choices.steps):
        pace.say(0.03 + 0.09 * number / len(choices.steps), f"features: {step.__name__.replace('_', ' ')}")
        base.append(step(frame, config))
    encoders = [make(frame, config) for make in choices.encoders]
    width = sum(len(part.names) for part in base)
    pace.say(0.14, f"{len(rows)} rows to learn from, {test.height} to predict, {width} columns")
    return Problem(base=base, encoders=encoders, targets=targets, fold=fold), rows


def cross_validate(
    name: str, which: int, *, problem: Problem, config: Config, choices: Choices, pace: Pace
) -> tuple[Raw, dict[str, float]]:
    """One kind of model on every fold: out-of-fold and test predictions of a target, and gain by column."""
    fold, target = problem.fold, problem.targets[which]
    folds = int(fold.max()) + 1
    gains: dict[str, float] = {}

    def fit(label: str, number: int, learn: NDArray[np.int64], held: NDArray[np.int64], rounds: int) -> Model:
        blocks = problem.blocks(which, number, learn)
        names = [column for part in blocks for column in part.names]
        flags = [part.categorical for part in blocks for _ in part.names]
        lesson = Lesson(
            matrix=np.hstack([part.values for part in blocks]),
            categorical=[i for i, flag in enumerate(flags) if flag],
            target=target,
            learn=learn,
            held=held,
            rounds=rounds,
            until=pace.until(),
            tell=lambda done, loss: pace.fitting(f"{label}, round {done}: {loss:.5g}", (done + 1) / rounds),
        )
        model = choices.members[name](lesson, config)
        pace.done += 1
        for column, gain in zip(names, model.gains, strict=True):
            gains[column] = gains.get(column, 0.0) + float(gain)
        return model

    models = []
    out_of_fold = np.zeros((len(fold), 0))
    for number in range(folds):
        held = np.flatnonzero(fold == number)
        label = f"fold {number + 1}/{folds}, {name}"
        model = fit(label, number, choices.learn_from(fold, number), held, config.rounds)
        if not out_of_fold.shape[1]:
            out_of_fold = np.zeros((len(fold), model.predictions.shape[1]))
        out_of_fold[held] = model.predictions[held]
        loss = choices.loss(target[held], out_of_fold[held])
        pace.fitting(
            f"{label}: {choices.loss.__name__.replace('_', ' ')} {loss:.5g} in {model.rounds} rounds"
        )
        models.append(model)
    every, none = np.arange(len(fold)), np.arange(0)
    for_test = choices.for_test(models, lambda rounds: fit(f"all rows, {name}", -1, every, none, rounds))
    known = fold >= 0
    raw = Raw(
        out_of_fold=out_of_fold[known], truth=target[known], fold=fold[known], test=for_test[len(fold) :]
    )
    return raw, gains


def mean_of_folds(models: list[Model], _refit: Callable[[int], Model]) -> NDArray[np.float64]:
    """Test is predicted by the models of all folds, on average."""
    mean: NDArray[np.float64] = np.mean([model.predictions for model in models], axis=0)
    return mean


def fitted_on_all(models: list[Model], refit: Callable[[int], Model]) -> NDArray[np.float64]:
    """Test is predicted by a model of all rows: the folds' own models have not seen the latest."""
    return refit(max(1, int(np.median([model.rounds for model in models]) * 1.1))).predictions


def blended(
    one: Raw, other: Raw, loss: Callable[[NDArray[np.float64], NDArray[np.float64]], float]
) -> tuple[Raw, float]:
    """The mix of two models' predictions with the least out-of-fold loss, and the weight of the second."""
    weights = np.linspace(0.0, 1.0, 21)
    losses = [loss(one.truth, (1 - w) * one.out_of_fold + w * other.out_of_fold) for w in weights]
    weight = float(weights[int(np.argmin(losses))])
    mixed = Raw(
        out_of_fold=(1 - weight) * one.out_of_fold + weight * other.out_of_fold,
        truth=one.truth,
        fold=one.fold,
        test=(1 - weight) * one.test + weight * other.test,
    )
    return mixed, weight
