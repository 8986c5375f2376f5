"""What a first look decides: how fast boosting learns, and whether a trend is any use beyond its end."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from agent.codegen.templates import boosting, folds, losses
from agent.codegen.templates.choices import Choices
from agent.codegen.templates.features import Block
from agent.codegen.templates.first_look import Look, first_look, hastened, timely
from agent.codegen.templates.pace import Pace
from agent.codegen.templates.validation import Problem
from tests.unit.agent.codegen.test_templates import config

ROWS, TEST = 240, 40
CHOICES = Choices(
    target=None,
    steps=(),
    encoders=(),
    options=(),
    split=folds.time_folds,
    learn_from=folds.earlier,
    for_test=None,
    loss=losses.squared_error,
    decide=None,
    members={"LightGBM": boosting.fit_lightgbm},
)


def chosen(**changes: Any) -> Any:
    trees = {"learning_rate": 0.05, "min_data_in_leaf": 5, "deterministic": True, "objective": "regression"}
    return config(
        split_columns=("when",), lightgbm=trees, xgboost={"eta": 0.05}, rounds=1200, patience=30, **changes
    )


def pace() -> Pace:
    return Pace(end=time.monotonic() + 60, whole=60)


def problem_of(target: Any) -> Problem:
    day = np.arange(ROWS + TEST, dtype=np.float32)
    base = [
        Block(names=["when elapsed days", "season"], values=np.column_stack([day, day % 60])),
        Block(
            names=["noise"], values=np.random.default_rng(0).normal(size=(ROWS + TEST, 1)).astype(np.float32)
        ),
    ]
    fold = np.minimum(np.arange(ROWS) // 60, 3) - 1
    return Problem(base=base, encoders=[], options=[], targets=[target(day)[:ROWS].astype(float)], fold=fold)


def test_a_trend_is_left_out_only_where_that_foretells_the_last_fold_better() -> None:
    def names(target: Any) -> list[str]:
        problem = problem_of(target)
        look = first_look(problem, chosen(), CHOICES, pace())
        kept, _ = timely(problem, look, chosen(), CHOICES, pace())
        return [name for part in kept.base for name in part.names]

    passing = np.isin(np.arange(ROWS + TEST) // 30, 5) * 8.0
    assert names(lambda day: 10 * np.sin(day / 60 * 2 * np.pi) + passing) == ["season", "noise"]
    assert names(lambda day: day) == ["when elapsed days", "season", "noise"]
    shuffled = replace(CHOICES, learn_from=folds.others)
    problem = problem_of(lambda day: day)
    look = Look(raws=[], held=np.arange(0), loss=1.0, round_s=1.0)
    assert timely(problem, look, chosen(), shuffled, pace()) == (problem, look)


def test_little_time_is_spent_on_larger_steps() -> None:
    fold = np.arange(1_000) % 5

    def rate(round_s: float) -> tuple[float, float, int]:
        look = Look(raws=[], held=np.arange(0), loss=1.0, round_s=round_s)
        found = hastened(chosen(), CHOICES, look, fold, pace())
        return found.lightgbm["learning_rate"], found.xgboost["eta"], found.patience

    assert rate(1e-8) == (0.05, 0.05, 30)  # room for all rounds that are planned
    slower, same, patience = rate(1e-4)  # 120 rounds for each fit
    assert 0.09 < slower == same < 0.11
    assert patience in {14, 15}
    assert rate(1e-2)[0] == 0.3
