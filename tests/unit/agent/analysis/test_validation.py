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


def test_stretches_of_days_that_test_takes_out_make_blocks():
    def hour(i):
        return f"2020-{1 + i // 672:02}-{1 + i // 24 % 28:02} {i % 24:02}:00:00"

    ids = list(range(672 * 4))
    held = [i for i in ids if i // 24 % 28 >= 19]
    found = validation(
        table([i for i in ids if i not in set(held)], when=hour), table(held, when=hour), "multiclass"
    )
    assert (found.scheme, found.column) == ("blocks", "when")
    assert 8 * 86_400 < found.gap < 13 * 86_400
    assert "days" in found.reason


def test_a_count_of_weeks_may_keep_test_apart_too():
    week = {"week": lambda i: i // 10}
    later = validation(table(range(200), **week), table(range(200, 260), **week))
    assert (later.scheme, later.column) == ("time", "week")


def test_ids_in_stretches_make_blocks():
    ids = [i for i in range(600) if i // 50 % 3]
    held = [i for i in range(600) if i // 50 % 3 == 0]
    train, test = table(ids, x=lambda i: i % 7), table(held, x=lambda i: i % 5)
    features, _ = sort_columns(train, test, id_column="id", targets=["y"])
    found = choose_validation(train, test, task="regression", features=features, id_column="id")
    assert (found.scheme, found.column, found.gap) == ("blocks", "id", 51.0)


def test_ids_that_go_on_from_train_to_test_are_no_time():
    train, test = table(range(400), x=lambda i: i % 7), table(range(400, 600), x=lambda i: i % 5)
    features, _ = sort_columns(train, test, id_column="id", targets=["y"])
    found = choose_validation(train, test, task="regression", features=features, id_column="id")
    assert found.scheme == "kfold"
