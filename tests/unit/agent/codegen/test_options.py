"""Features that are tried first: used where they help beyond chance, left out where they do not."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from agent.codegen.templates import boosting, folds, losses, ratios
from agent.codegen.templates.choices import Choices
from agent.codegen.templates.features import numbers
from agent.codegen.templates.first_look import Look
from agent.codegen.templates.options import with_options
from agent.codegen.templates.pace import Pace
from agent.codegen.templates.validation import Problem
from tests.unit.agent.codegen.test_templates import config

if TYPE_CHECKING:
    import pytest

ROWS = 1_500
LOOK = Look(raws=[], held=np.arange(0), loss=1.0, round_s=1e-9)
CHOICES = Choices(
    target=None,
    steps=(numbers,),
    encoders=(),
    options=(ratios.pairs,),
    split=folds.plain_folds,
    learn_from=folds.others,
    for_test=None,
    loss=losses.squared_error,
    decide=None,
    members={"LightGBM": boosting.fit_lightgbm},
)
TREES = {"objective": "regression", "min_data_in_leaf": 10, "deterministic": True, "learning_rate": 0.1}


def table() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame({name: rng.uniform(1.0, 100.0, ROWS) for name in ("debt", "income", "age", "rooms")})


def problem_of(frame: pl.DataFrame, target: Any) -> tuple[Problem, Any]:
    chosen = config(
        numbers=tuple(frame.columns), lightgbm=TREES, xgboost={"eta": 0.1}, patience=30, threads=2
    )
    noise = np.random.default_rng(1).normal(scale=0.1, size=ROWS)
    problem = Problem(
        base=[numbers(frame, chosen)],
        encoders=[],
        options=[ratios.pairs(frame, chosen)],
        targets=[target + noise],
        fold=np.arange(ROWS) % 5,
    )
    return problem, chosen


def settled(target: Any, *, left_s: float = 600.0, look: Look = LOOK) -> Problem:
    problem, chosen = problem_of(table(), target)
    return with_options(problem, look, chosen, CHOICES, Pace(end=time.monotonic() + left_s, whole=left_s))


def test_ratios_are_used_where_a_ratio_tells() -> None:
    frame = table()
    found = settled(np.log(frame["debt"] / frame["income"]).to_numpy())
    assert len(found.encoders) == 1
    names = [name for block in found.blocks(0, 0, np.flatnonzero(found.fold != 0)) for name in block.names]
    assert "debt / income" in names


def test_ratios_are_left_out_where_columns_tell_alone() -> None:
    frame = table()
    assert settled((frame["rooms"] > 30).to_numpy().astype(float)).encoders == []


def test_without_time_nothing_is_tried(capsys: pytest.CaptureFixture[str]) -> None:
    frame = table()
    slow = replace(LOOK, round_s=1e-3)
    assert settled(np.log(frame["debt"] / frame["income"]).to_numpy(), look=slow).encoders == []
    assert "no time to try pairs" in capsys.readouterr().out


def test_what_is_divided_by_nothing_is_missing() -> None:
    values = np.array([[6.0, 3.0], [1.0, 0.0], [1e20, 1e-20]], dtype=np.float32)
    quotient, difference = (ratios.of_pair(values, (0, 1), sign) for sign in "/-")
    assert quotient[0] == 2.0
    assert np.isnan(quotient[1:]).all()
    assert difference.tolist()[:2] == [3.0, 1.0]


def test_where_no_column_tells_anything_there_are_no_pairs() -> None:
    frame = pl.DataFrame({"same": [1.0] * 40, "too": [2.0] * 40})
    chosen = config(numbers=("same", "too"), lightgbm=TREES)
    made = ratios.pairs(frame, chosen)(np.arange(40.0), np.arange(40), np.zeros(40, dtype=np.int64))
    assert made.values.shape == (40, 0)
