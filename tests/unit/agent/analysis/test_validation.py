"""The folds are kept apart as test is kept apart from train."""

from __future__ import annotations

import polars as pl

from agent.analysis.columns import sort_columns
from agent.analysis.validation import choose_validation


def validation(train, test, task="regression"):
    features, _ = sort_columns(train, test, id_column="id", targets=["y"])
    return choose_validation(train, test, task=task, features=features)


def table(ids, **columns):
    return pl.DataFrame({"id": ids, **{name: [f(i) for i in ids] for name, f in columns.items()}})


def test_later_dates_make_it_a_forecast():
    day = {"when": lambda i: f"{1 + i % 28}/{1 + i // 28}/2020"}
    found = validation(table(range(100), **day), table(range(140, 200), **day))
    assert (found.scheme, found.column) == ("time", "when")


def test_dates_among_each_other_do_not():
    day = {"when": lambda i: f"2020-{1 + i // 28:02}-{1 + i % 28:02} 10:00:00"}
    found = validation(table(range(0, 200, 2), **day), table(range(1, 200, 2), **day))
    assert found.scheme == "kfold"
    assert "when" in found.reason


def test_whole_groups_are_held_out():
    patient = {"patient": lambda i: f"p{i // 5}", "dose": lambda i: i % 7}
    found = validation(table(range(200), **patient), table(range(200, 300), **patient), "binary")
    assert (found.scheme, found.column, found.second_column) == ("group", "patient", None)


def test_two_columns_may_make_the_group():
    storm = {
        "name": lambda i: f"n{i // 8 % 20}",
        "year": lambda i: 2000 + i // 8 // 7,
        "wind": lambda i: i % 4,
    }
    ids = range(1600)
    held = [i for i in ids if i // 8 % 3 == 0]
    found = validation(table([i for i in ids if i not in held], **storm), table(held, **storm))
    assert found.scheme == "group"
    assert {found.column, found.second_column} == {"name", "year"}


def test_a_group_that_train_and_test_share_is_none():
    shop = {"shop": lambda i: f"s{i % 20}"}
    found = validation(table(range(200), **shop), table(range(200, 300), **shop), "multiclass")
    assert found.scheme == "stratified"
