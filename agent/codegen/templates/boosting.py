"""The two kinds of gradient-boosted trees: each tells after every round how it does on held-back rows."""

import time
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray

from agent.codegen.templates.config import Config
from agent.codegen.templates.lessons import Lesson, Model

ROUNDS_MIN = 5  # what a model gets however late it is
RANDOM_SPLITS = {"extra_trees": True, "min_data_in_leaf": 5}
LARGER = 4  # times the leaves of the usual trees
SMALLER = 2  # to divide their depth by


class Watch:
    """Keeps the loss of each round, and says when to stop: no gain for long, or no time."""

    def __init__(self, lesson: Lesson, patience: int) -> None:
        self.losses: list[float] = []
        self.lesson = lesson
        self.patience = patience

    def stop(self, done: int, loss: float) -> bool:
        """Whether the round `done` (from 0) should be the last; `loss` is NaN where none is held back."""
        self.losses.append(loss)
        self.lesson.tell(done, loss)
        late = time.monotonic() > self.lesson.until and done >= ROUNDS_MIN
        return late or (not np.isnan(loss) and done - int(np.argmin(self.losses)) >= self.patience)

    def curve(self) -> NDArray[np.float64]:
        """The loss after each round, shape (rounds,); empty where no rows are held back."""
        return np.array(self.losses if self.lesson.held.size else [])


def fit_lightgbm(lesson: Lesson, config: Config) -> Model:
    """LightGBM with its own treatment of categories."""
    watch = Watch(lesson, config.patience)

    def after_round(state: lightgbm.callback.CallbackEnv) -> None:
        found = state.evaluation_result_list
        if watch.stop(state.iteration, found[0][2] if found else float("nan")):
            raise lightgbm.callback.EarlyStopException(state.iteration, found or [])

    parameters = {**config.lightgbm, "num_threads": lesson.threads, "seed": lesson.seed, "verbosity": -1}
    learn = lightgbm.Dataset(
        lesson.matrix, lesson.target, categorical_feature=lesson.categorical, params=parameters
    )
    # The library's number of threads is one for the whole process: what is made without it sets it back.
    held = (
        [learn.create_valid(lesson.held, lesson.held_target, params=parameters)] if lesson.held.size else []
    )
    booster = lightgbm.train(parameters, learn, lesson.rounds, valid_sets=held, callbacks=[after_round])

    def predict(matrix: NDArray[np.float32], rounds: int) -> NDArray[np.float64]:
        return np.asarray(
            booster.predict(matrix, num_iteration=rounds, num_threads=lesson.threads), dtype=np.float64
        )

    gains = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
    return Model(predict=predict, curve=watch.curve(), gains=gains)


def fit_random_splits(lesson: Lesson, config: Config) -> Model:
    """LightGBM with one cut of each column to choose from, drawn by chance: its trees differ more.

    Source: Geurts et al., Extremely randomized trees, Machine Learning 2006.
    """
    return fit_lightgbm(lesson, replace(config, lightgbm=config.lightgbm | RANDOM_SPLITS))


def fit_large_trees(lesson: Lesson, config: Config) -> Model:
    """LightGBM with trees that grow far, each from fewer of the columns: what acts in concert."""
    large = {
        "num_leaves": LARGER * config.lightgbm["num_leaves"],
        "feature_fraction": 0.7 * config.lightgbm["feature_fraction"],
        "min_data_in_leaf": 10,
        "lambda_l2": 8.0,
    }
    return fit_lightgbm(lesson, replace(config, lightgbm=config.lightgbm | large))


def fit_small_trees(lesson: Lesson, config: Config) -> Model:
    """XGBoost with trees of few leaves: nearly a sum of what each column tells alone."""
    small = {"max_depth": config.xgboost["max_depth"] // SMALLER, "eta": SMALLER * config.xgboost["eta"]}
    return fit_xgboost(lesson, replace(config, xgboost=config.xgboost | small))


def fit_xgboost(lesson: Lesson, config: Config) -> Model:
    """XGBoost by histograms."""
    watch = Watch(lesson, config.patience)

    class AfterRound(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, Any]) -> bool:
            del model
            losses = [values[-1] for metric in evals_log.values() for values in metric.values()]
            return watch.stop(epoch, losses[0] if losses else float("nan"))

    width = lesson.matrix.shape[1]
    kinds = ["c" if i in set(lesson.categorical) else "q" for i in range(width)]

    def table(matrix: NDArray[np.float32], target: NDArray[np.float64] | None = None) -> xgboost.DMatrix:
        return xgboost.DMatrix(
            matrix, label=target, feature_types=kinds, enable_categorical=True, nthread=lesson.threads
        )

    booster = xgboost.train(
        {**config.xgboost, "nthread": lesson.threads, "seed": lesson.seed, "verbosity": 0},
        table(lesson.matrix, lesson.target),
        lesson.rounds,
        evals=[(table(lesson.held, lesson.held_target), "held")] if lesson.held.size else [],
        verbose_eval=False,
        callbacks=[AfterRound()],
    )

    def predict(matrix: NDArray[np.float32], rounds: int) -> NDArray[np.float64]:
        return np.asarray(booster.predict(table(matrix), iteration_range=(0, rounds)), dtype=np.float64)

    found = booster.get_score(importance_type="total_gain")
    gains = np.array([found.get(f"f{i}", 0.0) for i in range(width)])
    return Model(predict=predict, curve=watch.curve(), gains=gains)
