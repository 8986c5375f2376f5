"""The two kinds of gradient-boosted trees, each fitted until a held-back fold gains no more."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray

from agent.codegen.templates.config import Config

ROUNDS_MIN = 20  # what a model gets however late it is


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What one model learns from: the design matrix of all rows, and which rows it may use how."""

    matrix: NDArray[np.float32]
    categorical: list[int]
    target: NDArray[np.float64]  # of the training rows
    learn: NDArray[np.int64]
    held: NDArray[np.int64]  # stops the boosting; empty: `rounds` rounds
    rounds: int
    until: float  # time.monotonic() at which boosting stops
    tell: Callable[[int, float], None]  # (round, loss on the held-back rows)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A fitted model: its predictions for all rows, shape (n_rows, n_outputs), and what it used."""

    predictions: NDArray[np.float64]
    rounds: int
    gains: NDArray[np.float64]


def fit_lightgbm(lesson: Lesson, config: Config) -> Model:
    """LightGBM with its own treatment of categories."""

    def watch(state: lightgbm.callback.CallbackEnv) -> None:
        loss = state.evaluation_result_list[0][2] if state.evaluation_result_list else float("nan")
        lesson.tell(state.iteration, loss)
        if time.monotonic() > lesson.until and state.iteration >= ROUNDS_MIN:
            raise lightgbm.callback.EarlyStopException(state.iteration, state.evaluation_result_list or [])

    parameters = {**config.lightgbm, "num_threads": config.threads, "seed": config.seed, "verbosity": -1}
    learn = lightgbm.Dataset(
        lesson.matrix[lesson.learn],
        lesson.target[lesson.learn],
        categorical_feature=lesson.categorical,
        params=parameters,
        free_raw_data=False,
    )
    held = (
        [learn.create_valid(lesson.matrix[lesson.held], lesson.target[lesson.held])]
        if lesson.held.size
        else []
    )
    stop = [lightgbm.early_stopping(config.patience, verbose=False)] if held else []
    booster = lightgbm.train(parameters, learn, lesson.rounds, valid_sets=held, callbacks=[*stop, watch])
    rounds = booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
    predicted = np.asarray(booster.predict(lesson.matrix, num_iteration=rounds), dtype=np.float64)
    gains = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
    return Model(predictions=predicted.reshape(len(lesson.matrix), -1), rounds=rounds, gains=gains)


def fit_xgboost(lesson: Lesson, config: Config) -> Model:
    """XGBoost by histograms."""

    class Watch(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, Any]) -> bool:
            del model
            losses = [values[-1] for metric in evals_log.values() for values in metric.values()]
            lesson.tell(epoch, losses[0] if losses else float("nan"))
            return time.monotonic() > lesson.until and epoch >= ROUNDS_MIN

    kinds = ["c" if i in set(lesson.categorical) else "q" for i in range(lesson.matrix.shape[1])]
    whole = xgboost.DMatrix(
        lesson.matrix, feature_types=kinds, enable_categorical=True, nthread=config.threads
    )

    def rows(chosen: NDArray[np.int64]) -> xgboost.DMatrix:
        part = whole.slice(chosen)
        part.set_label(lesson.target[chosen])
        return part

    booster = xgboost.train(
        {**config.xgboost, "nthread": config.threads, "seed": config.seed, "verbosity": 0},
        rows(lesson.learn),
        lesson.rounds,
        evals=[(rows(lesson.held), "held")] if lesson.held.size else [],
        early_stopping_rounds=config.patience if lesson.held.size else None,
        verbose_eval=False,
        callbacks=[Watch()],
    )
    rounds = booster.best_iteration + 1 if lesson.held.size else booster.num_boosted_rounds()
    predicted = np.asarray(booster.predict(whole, iteration_range=(0, rounds)), dtype=np.float64)
    found = booster.get_score(importance_type="total_gain")
    gains = np.array([found.get(f"f{i}", 0.0) for i in range(lesson.matrix.shape[1])])
    return Model(predictions=predicted.reshape(len(lesson.matrix), -1), rounds=rounds, gains=gains)
