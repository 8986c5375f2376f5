"""Which models are fitted next, and when more of them are not worth their time."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from agent.codegen.templates import boosting, losses, plain_models
from agent.codegen.templates.choices import Choices
from agent.codegen.templates.decisions import Raw
from agent.codegen.templates.pace import Pace
from agent.codegen.templates.pool import Pool
from tests.unit.agent.codegen.test_templates import config

MEMBERS: dict[str, Any] = {
    "LightGBM": boosting.fit_lightgbm,
    "XGBoost": boosting.fit_xgboost,
    "Linear": plain_models.fit_linear,
    "LargeTrees": boosting.fit_large_trees,
    "SmallTrees": boosting.fit_small_trees,
}
TRUTH = np.linspace(0.0, 1.0, 60)


def pool(passes: int) -> Pool:
    choices = Choices(
        target=None,
        steps=(),
        encoders=(),
        options=(),
        split=None,
        learn_from=None,
        for_test=None,
        loss=losses.squared_error,
        decide=None,
        members=MEMBERS,
    )
    return Pool(config=config(passes=passes), choices=choices)


def tried(pool: Pool, *, left_s: float = 1e6, seconds: float = 1.0, noise: float = 0.3) -> list[list[str]]:
    """The kinds of each pass, where each fit takes `seconds` and errs in its own way."""
    rng, passes = np.random.default_rng(0), [[] for _ in range(pool.config.passes)]
    pace = Pace(end=time.monotonic() + left_s, whole=left_s)
    for number, name in pool.tries(pace):
        passes[number].append(name)
        off = rng.normal(scale=noise, size=60) if noise else np.full(60, 0.1)
        fold = np.arange(60) % 3
        raw = Raw(out_of_fold=(TRUTH + off)[:, None], truth=TRUTH, fold=fold, test=np.zeros((1, 1)))
        pool.add(name, [raw], seconds=seconds)
        pool.mixed()
        pace.end -= seconds
    return passes


def test_trees_of_other_sizes_wait_for_a_second_pass_and_lead_it() -> None:
    first, second, *_ = tried(pool(4))
    assert first == ["LightGBM", "XGBoost", "Linear"]
    assert second[:2] == ["LargeTrees", "SmallTrees"]
    assert set(second[2:]) <= {"LightGBM", "XGBoost"}  # another seed makes no other linear model


def test_what_does_not_fit_into_the_time_is_not_begun() -> None:
    first, second = tried(pool(2), left_s=14.0, seconds=3.0)
    assert first == ["LightGBM", "XGBoost", "Linear"]
    assert second == ["SmallTrees"]


def test_passes_go_on_while_they_gain() -> None:
    assert all(tried(pool(6), noise=5.0))


@pytest.mark.parametrize("passes", [5, 20])
def test_passes_end_where_two_have_gained_nothing(passes: int) -> None:
    made = tried(pool(passes), noise=0.0)
    assert [bool(names) for names in made] == [True] * 3 + [False] * (passes - 3)
