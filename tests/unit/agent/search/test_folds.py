"""Which rows a fold learns from: never one that would let its answers through."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from agent.search.folds import folds_of, some_of
from tests.unit.agent.briefs import a_brief


def assigned(rows: list[int], folds: list[int]) -> pl.DataFrame:
    return pl.DataFrame({"row": rows, "fold": folds})


NO_COLUMN: Any = {}.__getitem__


def test_rows_that_the_templates_left_out_are_learnt_from_where_rows_are_alike() -> None:
    first, second = folds_of(assigned([0, 1, 2, 3], [0, 1, 0, 1]), a_brief(rows=6), NO_COLUMN)
    assert (first.held.tolist(), first.learn.tolist()) == ([0, 2], [1, 3, 4, 5])
    assert (second.held.tolist(), second.learn.tolist()) == ([1, 3], [0, 2, 4, 5])


@pytest.mark.parametrize("scheme", ["group", "blocks"])
def test_they_are_not_where_rows_belong_together(scheme: str) -> None:
    brief = a_brief(rows=6, scheme=scheme, column="x")
    first, _ = folds_of(assigned([0, 1, 2, 3], [0, 1, 0, 1]), brief, NO_COLUMN)
    assert first.learn.tolist() == [1, 3]


@pytest.mark.parametrize(
    "when",
    [
        ["2020-01-0" + day for day in "5123344"],
        ["5", "1", "2", "3", "3", "4", "4"],
    ],
)
def test_in_time_only_what_is_earlier_is_learnt_from_and_the_latest_fold_comes_first(when: list[str]) -> None:
    brief = a_brief(rows=7, scheme="time", column="when")
    late, early = folds_of(assigned([3, 4, 5, 0], [0, 0, 1, 1]), brief, {"when": pl.Series(when)}.__getitem__)
    assert (late.held.tolist(), late.learn.tolist()) == ([0, 5], [1, 2, 3, 4])
    assert (early.held.tolist(), early.learn.tolist()) == ([3, 4], [1, 2])


def test_a_first_try_has_rows_of_the_rare_class() -> None:
    fold, _ = folds_of(assigned(list(range(1000)), [0, 1] * 500), a_brief(rows=1000), NO_COLUMN)
    answers = pl.Series(["rare" if row in {1, 501, 999} else "usual" for row in range(1000)])
    few = some_of(fold, answers, 60, seed=0)
    assert len(few.learn) == 60
    assert {1, 501, 999} <= set(few.learn.tolist())
    assert set(few.learn.tolist()).isdisjoint(fold.held.tolist())
    assert len(few.held) == 20
