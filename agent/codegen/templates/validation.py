"""Cross-validation of one kind of model: out-of-fold predictions in which no row had a say in its own."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from agent.codegen.templates.choices import Choices
from agent.codegen.templates.config import Config
from agent.codegen.templates.decisions import Raw
from agent.codegen.templates.features import Block, Encoder
from agent.codegen.templates.lessons import Lesson, Model
from agent.codegen.templates.pace import Pace

NONE = np.arange(0)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The rows to learn from and to predict, as numbers."""

    base: list[Block]  # the first len(fold) rows are train's, the rest test's
    encoders: list[Encoder]
    options: list[Encoder]  # that may become encoders
    targets: list[NDArray[np.float64]]
    fold: NDArray[np.int64]
    encoded: dict[tuple[int, int], list[Block]] = field(default_factory=dict)

    def blocks(self, which: int, fold: int, learn: NDArray[np.int64]) -> list[Block]:
        """All columns for a target and a fold; what is learnt from the target is learnt once."""
        if (which, fold) not in self.encoded:
            target, parts = self.targets[which], self.fold[learn]
            self.encoded[which, fold] = [encode(target, learn, parts) for encode in self.encoders]
        return [*self.base, *self.encoded[which, fold]]

    @property
    def test(self) -> NDArray[np.int64]:
        """The rows of test."""
        return np.arange(len(self.fold), len(self.base[0].values))


def prepare(
    train: pl.DataFrame, test: pl.DataFrame, config: Config, choices: Choices, pace: Pace
) -> tuple[Problem, NDArray[np.int64]]:
    """The design matrix, the folds, and which rows of train are used: known targets, at most `rows_max`."""
    targets = [choices.target(train[column], config) for column in config.targets]
    rows = np.flatnonzero(~np.isnan(np.column_stack(targets)).any(axis=1))
    if len(rows) > config.rows_max:
        rng = np.random.default_rng(config.seed)
        rows = np.sort(rng.choice(rows, config.rows_max, replace=False))
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
    options = [make(frame, config) for make in choices.options]
    return Problem(base=base, encoders=encoders, options=options, targets=targets, fold=fold), rows


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One kind of model on one target, from one seed."""

    problem: Problem
    config: Config
    choices: Choices
    pace: Pace
    name: str
    which: int
    seed: int

    def matrix(self, number: int, learn: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The columns of `rows` as fold `number`, which learns from `learn`, sees them."""
        return np.hstack([part.values[rows] for part in self.problem.blocks(self.which, number, learn)])

    def fit(
        self,
        number: int,
        learn: NDArray[np.int64],
        held: NDArray[np.int64],
        rounds: int,
        label: str,
        *,
        at_once: int = 1,
    ) -> Model:
        """A model that learns from `learn`, one of `at_once`, and tells how it does on `held`."""
        target, pace = self.problem.targets[self.which], self.pace
        blocks = self.problem.blocks(self.which, number, learn)
        flags = [part.categorical for part in blocks for _ in part.names]
        lesson = Lesson(
            matrix=self.matrix(number, learn, learn),
            target=target[learn],
            held=self.matrix(number, learn, held),
            held_target=target[held],
            categorical=[i for i, flag in enumerate(flags) if flag],
            rounds=rounds,
            seed=self.seed,
            threads=max(1, self.config.threads // at_once),
            until=pace.until(at_once),
            tell=lambda done, loss: pace.fitting(f"{label}, round {done}: {loss:.5g}", (done + 1) / rounds),
        )
        return self.choices.members[self.name](lesson, self.config)

    def fit_folds(self, learnt: list[NDArray[np.int64]], *, hurry: bool) -> list[Model] | None:
        """A model for each fold, as many at once as there are processors.

        Each then needs no threads of its own, which would spend most of their time waiting for each other.
        """
        count, pace = len(learnt), self.pace
        at_once = min(self.config.threads, count)
        started = pace.now()

        def fit(number: int) -> Model:
            label = f"{self.name}, fold {number + 1}/{count}"
            held = np.flatnonzero(self.problem.fold == number)
            model = self.fit(number, learnt[number], held, self.config.rounds, label, at_once=at_once)
            pace.fitting(f"{label}: {len(model.curve) or 'no'} rounds")
            return model

        with ThreadPoolExecutor(at_once) as pool:
            fits = [pool.submit(fit, number) for number in range(count)]
            for ended, model in enumerate(as_completed(fits), start=1):
                model.result()
                pace.done += 1
                to_come = (pace.now() - started) / ended * (count - ended)
                if hurry and to_come > pace.left():
                    pool.shutdown(wait=False, cancel_futures=True)
                    return None
            return [model.result() for model in fits]

    def run(self, *, hurry: bool) -> tuple[Raw, dict[str, float]] | None:
        """Out-of-fold and test predictions, and gain by column.

        In a hurry it gives up, with None, once it sees that there is no time for all folds.
        """
        fold, problem = self.problem.fold, self.problem
        count = int(fold.max()) + 1
        learnt = [self.choices.learn_from(fold, number) for number in range(count)]
        models = self.fit_folds(learnt, hurry=hurry)
        if models is None:
            return None
        known = fold >= 0
        parts = [np.flatnonzero(fold == number) for number in range(count)]
        rounds = rounds_without_own([model.curve for model in models])
        held_back = self.predictions(models, learnt, parts, rounds)
        out_of_fold = np.zeros((len(fold), held_back[0].shape[1]))
        for held, predicted in zip(parts, held_back, strict=True):
            out_of_fold[held] = predicted
        raw = Raw(
            out_of_fold=out_of_fold[known],
            truth=problem.targets[self.which][known],
            fold=fold[known],
            test=self.choices.for_test(self, models, learnt),
        )
        return raw, self.gains(models, learnt)

    def predictions(
        self,
        models: list[Model],
        learnt: list[NDArray[np.int64]],
        rows: list[NDArray[np.int64]],
        rounds: list[int],
    ) -> list[NDArray[np.float64]]:
        """What the model of each fold says of its `rows`, each (n, n_outputs)."""

        def predict(number: int) -> NDArray[np.float64]:
            matrix = self.matrix(number, learnt[number], rows[number])
            return np.reshape(models[number].predict(matrix, rounds[number]), (len(matrix), -1))

        with ThreadPoolExecutor(min(self.config.threads, len(models))) as pool:
            return list(pool.map(predict, range(len(models))))

    def gains(self, models: list[Model], learnt: list[NDArray[np.int64]]) -> dict[str, float]:
        """How much each column told, over all folds."""
        told: dict[str, float] = {}
        for number, (model, learn) in enumerate(zip(models, learnt, strict=True)):
            blocks = self.problem.blocks(self.which, number, learn)
            names = [column for part in blocks for column in part.names]
            for column, gain in zip(names, model.gains, strict=True):
                told[column] = told.get(column, 0.0) + float(gain)
        return told


def best_rounds(curves: list[NDArray[np.float64]]) -> int:
    """The number of rounds with the least mean loss; a curve that ended stays where it was.  0: no rounds."""
    length = max((len(curve) for curve in curves), default=0)
    if length == 0:
        return 0
    level = [np.pad(curve, (0, length - len(curve)), mode="edge") for curve in curves]
    return int(np.mean(level, axis=0).argmin()) + 1


def rounds_without_own(curves: list[NDArray[np.float64]]) -> list[int]:
    """For each fold the rounds that the other folds found best: the fold that is scored has no say."""
    if len(curves) == 1:
        return [max(1, len(curves[0]))]
    chosen = [best_rounds(curves[:number] + curves[number + 1 :]) for number in range(len(curves))]
    return [min(rounds, len(curve)) for rounds, curve in zip(chosen, curves, strict=True)]


def mean_of_folds(trial: Trial, models: list[Model], learnt: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Test is predicted by the models of all folds, on average."""
    rounds = best_rounds([model.curve for model in models])
    bounded = [min(rounds, len(model.curve)) for model in models]
    predicted = trial.predictions(models, learnt, [trial.problem.test] * len(models), bounded)
    mean: NDArray[np.float64] = np.mean(predicted, axis=0)
    return mean


def fitted_on_all(trial: Trial, models: list[Model], _learnt: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Test is predicted by a model of all rows: the folds' own models have not seen the latest."""
    every = np.arange(len(trial.problem.fold))
    rounds = max(1, int(best_rounds([model.curve for model in models]) * 1.1))
    model = trial.fit(-1, every, NONE, rounds, f"{trial.name}, all rows")
    return trial.predictions([model], [every], [trial.problem.test], [rounds])[0]
