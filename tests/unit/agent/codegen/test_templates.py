"""The pieces of a solution: what they compute, on tables small enough to check by eye."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from agent.cells import read_cells
from agent.codegen.templates import (
    blending,
    boosting,
    decisions,
    features,
    folds,
    lessons,
    plain_models,
    tables,
    targets,
    texts,
    validation,
)
from agent.codegen.templates.config import Config, Table

if TYPE_CHECKING:
    from pathlib import Path


def config(**changes: Any) -> Config:
    fields: dict[str, Any] = {
        "train": Table(paths=("train.csv",)),
        "test": Table(paths=("test.csv",)),
        "sample": Table(paths=("sample.csv",)),
        "sides": (),
        "id_column": "id",
        "more_ids": (),
        "ids_in_test": True,
        "test_id_column": "",
        "test_names": {},
        "targets": {"y": "y"},
        "classes": (),
        "positive": "",
        "numbers": (),
        "dates": (),
        "categories": (),
        "many_valued": (),
        "texts": (),
        "missing_marks": {},
        "learn": "number",
        "metric": "rmse",
        "folds": 3,
        "split_columns": (),
        "gap": 0.0,
        "log_target": False,
        "lightgbm": {},
        "xgboost": {},
        "rounds": 10,
        "patience": 5,
        "needs": {},
        "passes": 1,
        "train_rows": 100,
        "rows_max": 1_000,
        "seconds": 60.0,
        "threads": 1,
        "seed": 0,
    }
    return Config(**(fields | changes))


def column(block: features.Block, name: str) -> list[float]:
    return [float(value) for value in block.values[:, block.names.index(name)]]


def test_cells_are_read_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes('\ufeffa;b\n007; x \n"NA";\n;\n1,5;y\n'.encode())
    frame = read_cells(tables.scan(tmp_path, Table(paths=("t.csv",), delimiter=";")))
    assert frame.rows() == [("007", " x "), ("NA", None), ("1,5", "y")]
    assert tables.stripped(frame)["b"].to_list() == ["x", None, "y"]
    numbers = tables.to_numbers(frame["a"], decimal_comma=True)
    assert numbers[0] == 7.0
    assert np.isnan(numbers[1])
    assert numbers[2] == 1.5


@pytest.mark.parametrize(
    ("classes", "cells", "codes"),
    [
        (("0", "1"), ["1.0", "0", "True", "false"], [1, 0, 1, 0]),
        (("3", "10"), ["10", "3.0", " 3"], [1, 0, 0]),
        (("No", "Yes"), ["Yes", "No", "yes"], [1, 0, np.nan]),
    ],
)
def test_labels_meet_their_classes(classes: tuple[str, ...], cells: list[str], codes: list[float]) -> None:
    found = tables.class_codes(pl.Series(cells), config(classes=classes))
    np.testing.assert_array_equal(found, np.array(codes, dtype=float))


def test_the_positive_class_may_be_the_first() -> None:
    chosen = config(classes=("no", "yes"), positive="no")
    found = targets.positive_target(pl.Series(["no", "yes", None]), chosen)
    np.testing.assert_array_equal(found, np.array([1.0, 0.0, np.nan]))
    assert decisions.in_order(np.array([1, 0]), chosen).tolist() == [0, 1]


def test_the_sample_decides_the_order_of_rows() -> None:
    sample, test = pl.DataFrame({"id": ["b", "a "]}), pl.DataFrame({"id": ["a", "b", "c"]})
    assert tables.submission_order(sample, test, config()).tolist() == [1, 0]


def test_foreign_ids_are_no_reason_to_guess() -> None:
    sample, test = pl.DataFrame({"id": ["x", "y"]}), pl.DataFrame({"id": ["a", "b", "c"]})
    with pytest.raises(SystemExit, match="2 rows and test 3"):
        tables.submission_order(sample, test, config())


@pytest.mark.parametrize(
    "cells",
    [
        ["2013-01-18 16:48:00", "2013-01-19 16:48:00"],
        ["1/18/13 16:48", "1/19/13 16:48"],
        ["2013-01-18T16:48:00Z", "2013-01-19T16:48:00Z"],
        ["2013-01-18 16:48:00+00:00", "2013-01-19 16:48:00+00:00"],
    ],
)
def test_dates_are_read_in_many_writings(cells: list[str]) -> None:
    block = features.dates(pl.DataFrame({"when": cells}), config(dates=("when",)))
    assert column(block, "when elapsed days") == [0.0, 1.0]
    assert column(block, "when day") == [18.0, 19.0]
    assert "when hour" not in block.names  # one value only


def test_months_without_days_are_dates() -> None:
    block = features.dates(pl.DataFrame({"m": ["Mar-2018", "Jan-2018", None]}), config(dates=("m",)))
    assert column(block, "m month")[:2] == [3.0, 1.0]


def test_hours_lie_between_two_dates() -> None:
    frame = pl.DataFrame({"a": ["2020-01-01", "2020-01-01"], "b": ["2020-01-01", "2020-01-03"]})
    assert column(features.dates(frame, config(dates=("a", "b"))), "b - a hours") == [0.0, 48.0]


def test_numbers_are_found_in_words() -> None:
    frame = pl.DataFrame({"term": ["36 months", "60 months", "10+ years"], "word": ["a", "b2", "c"]})
    block = features.numbers_in_text(frame, config(categories=("term", "word")))
    assert block.names == ["term number"]
    assert column(block, "term number") == [36.0, 60.0, 10.0]


def test_codes_follow_numeric_order_and_missing_is_a_code() -> None:
    block = features.codes(pl.DataFrame({"c": ["10", "9", None]}), config(categories=("c",)))
    assert column(block, "c") == [2.0, 1.0, 0.0]
    assert block.categorical


def test_a_row_never_sees_its_own_target_in_a_mean() -> None:
    """Every value occurs once: the mean of others knows nothing of a row's own target."""
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"town": [f"t{i}" for i in range(200)]})
    target = rng.normal(size=200)
    rows = np.arange(150)
    block = texts.target_means(frame, config(many_valued=("town",)))(target, rows, rows % 5)
    seen = block.values[:150, 0] if block.names else np.zeros(150)
    assert abs(np.corrcoef(np.append(seen, 1e-9), np.append(target[:150], 0))[0, 1]) < 0.5


def test_text_scores_learn_words_out_of_fold() -> None:
    words = ["good fine day", "bad sad night"] * 60
    target = np.array([1.0, 0.0] * 60)
    encode = texts.text_scores(pl.DataFrame({"t": words}), config(texts=("t",), learn="chance"))
    score = encode(target, np.arange(100), np.arange(100) % 5).values[:, 0]
    assert score[target == 1].min() > score[target == 0].max()


def test_rare_classes_share_a_stratum() -> None:
    target = np.array([0.0] * 20 + [1.0] * 10 + [2.0] * 2 + [3.0])
    fold = folds.stratified_folds(pl.DataFrame({"x": range(33)}), target, config())
    assert sorted(set(fold)) == [0, 1, 2]
    assert [int((target[fold == f] == 1).sum()) for f in range(3)] in ([4, 3, 3], [3, 4, 3], [3, 3, 4])


def test_a_group_of_two_columns_is_in_one_fold() -> None:
    train = pl.DataFrame({"name": ["a", "a", "b", "b", "a", "c"], "year": ["1", "1", "1", "1", "2", None]})
    fold = folds.group_folds(train, np.zeros(6), config(split_columns=("name", "year"), folds=4))
    assert fold[0] == fold[1]
    assert fold[2] == fold[3]
    assert len(set(fold)) == 4


def test_time_is_never_predicted_from_what_came_later() -> None:
    days = [f"2020-01-{day:02d}" for day in (5, 1, 4, 2, 6, 3, 8, 7)]
    fold = folds.time_folds(pl.DataFrame({"d": days}), np.zeros(8), config(split_columns=("d",)))
    assert fold[1] == -1
    for number in range(3):
        learnt = [days[i] for i in folds.earlier(fold, number)]
        assert max(learnt) < min(days[i] for i in np.flatnonzero(fold == number))


def raw(out_of_fold: Any, truth: Any, test: Any, folds_: int = 4) -> decisions.Raw:
    predicted = np.asarray(out_of_fold, dtype=float)
    predicted = predicted.reshape(len(predicted), -1)
    return decisions.Raw(
        out_of_fold=predicted,
        truth=np.asarray(truth, dtype=float),
        fold=np.arange(len(predicted)) % folds_,
        test=np.asarray(test, dtype=float).reshape(-1, predicted.shape[1]),
    )


def test_a_threshold_finds_rare_positives() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random(2_000) < 0.07).astype(float)
    chances = np.clip(0.05 + 0.15 * truth + rng.normal(scale=0.03, size=2_000), 0, 1)
    chosen = config(classes=("0", "1"), positive="1", metric="f1")
    (train,), (test,) = decisions.label_above_threshold(raw(chances, truth, [0.01, 0.3]), chosen)
    assert test == ["0", "1"]
    assert np.mean(np.array(train) == np.where(truth == 1, "1", "0")) > 0.97


def test_cut_points_put_grades_in_their_places() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(3, 7, size=800).astype(float)
    shrunk = 5.0 + 0.3 * (truth - 5.0) + rng.normal(scale=0.03, size=800)
    chosen = config(classes=tuple(map(str, range(11))), metric="qwk")
    (train,), (test,) = decisions.label_by_cut_points(raw(shrunk, truth, [4.4, 5.3]), chosen)
    assert np.mean(np.array(train, dtype=float) == truth) > 0.98
    assert test == ["3", "6"]


def test_ranked_labels_are_the_likeliest_first() -> None:
    chosen = config(classes=("a", "b", "c"), metric="map@2")
    _, (test,) = decisions.ranked_labels(raw([[0.1, 0.2, 0.7]], [2], [[0.5, 0.1, 0.4]], 1), chosen)
    assert test == ["a c"]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("f1", 0.8), ("balanced_accuracy", 0.75), ("mcc", 0.5773502691896258), ("f1_macro", 0.7333333333333334)],
)
def test_label_scores_are_those_of_scikit_learn(metric: str, expected: float) -> None:
    truth, decided = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0, 1, 1, 1])
    assert decisions.label_score(truth, decided, metric) == pytest.approx(expected)


def test_values_stay_within_what_train_has_seen() -> None:
    chosen = config(log_target=True)
    _, (test,) = decisions.value(raw(np.log1p([1.0, 9.0]), np.log1p([1.0, 9.0]), [-5.0, 99.0]), chosen)
    assert [float(cell) for cell in test] == pytest.approx([1.0, 9.0])


def squared(truth: Any, predicted: Any) -> float:
    return float(np.mean((truth - predicted[:, 0]) ** 2))


def test_a_mix_evens_out_what_its_parts_have_wrong() -> None:
    truth = np.array([1.0, 2.0, 3.0, 4.0])
    low, high = raw(truth - 1, truth, [0.0], 2), raw(truth + 1, truth, [2.0], 2)
    mixed, weights = blending.blended([low, high], squared, seed=0)
    assert weights.tolist() == [0.5, 0.5]
    assert mixed.test[0, 0] == pytest.approx(1.0)
    np.testing.assert_allclose(mixed.out_of_fold[:, 0], truth)


def test_no_row_has_a_say_in_the_weights_of_its_own_fold() -> None:
    truth = np.arange(8.0)
    first, second = raw(truth + 1, truth, [0.0], 2), raw(truth - 2, truth, [0.0], 2)
    before, _ = blending.blended([first, second], squared, seed=0)
    changed = np.where(first.fold == 0, truth + 50, truth)
    others = [raw(each.out_of_fold, changed, [0.0], 2) for each in (first, second)]
    after, _ = blending.blended(others, squared, seed=0)
    own = first.fold == 0
    np.testing.assert_array_equal(before.out_of_fold[own], after.out_of_fold[own])
    assert (before.out_of_fold[~own] != after.out_of_fold[~own]).any()


def test_a_fold_has_no_say_in_its_own_rounds() -> None:
    rising, falling = np.linspace(0, 1, 40), np.linspace(1, 0, 40)
    assert validation.rounds_without_own([rising, falling, falling]) == [40, 1, 1]
    assert validation.best_rounds([falling, falling]) == 40
    assert validation.rounds_without_own([np.array([]), np.array([])]) == [0, 0]


@pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning")
@pytest.mark.parametrize("learn", ["number", "chance", "chances"])
@pytest.mark.parametrize(
    "fit",
    [
        boosting.fit_lightgbm,
        boosting.fit_random_splits,
        boosting.fit_xgboost,
        boosting.fit_large_trees,
        boosting.fit_small_trees,
        plain_models.fit_linear,
        plain_models.fit_kernel,
        plain_models.fit_network,
        plain_models.fit_extra_trees,
        plain_models.fit_neighbours,
    ],
)
def test_every_kind_of_model_learns_what_is_plain(fit: Any, learn: str) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(300, 3)).astype(np.float32)
    matrix[:, 2] = rng.integers(0, 4, size=300)
    matrix[::7, 1] = np.nan
    score = matrix[:, 0] + matrix[:, 2]
    target = score if learn == "number" else np.digitize(score, [1.0] if learn == "chance" else [0.5, 2.0])
    kinds = {"number": "regression", "chance": "binary", "chances": "multiclass"}
    objectives = {"number": "reg:squarederror", "chance": "binary:logistic", "chances": "multi:softprob"}
    many = {"num_class": 3} if learn == "chances" else {}
    chosen = config(
        learn=learn,
        classes=("a", "b", "c")[: len(np.unique(target))] if learn != "number" else (),
        rounds=60,
        lightgbm={
            "objective": kinds[learn],
            "num_leaves": 31,
            "feature_fraction": 1.0,
            "min_data_in_leaf": 5,
            "min_data_per_group": 5,
            "cat_smooth": 1.0,
            **many,
        },
        xgboost={"objective": objectives[learn], "max_depth": 6, "eta": 0.3, **many},
    )
    lesson = lessons.Lesson(
        matrix=matrix[:200],
        target=target[:200].astype(float),
        held=matrix[200:],
        held_target=target[200:].astype(float),
        categorical=[2],
        rounds=60,
        seed=0,
        threads=1,
        until=float("inf"),
        tell=lambda _round, _loss: None,
    )
    model = fit(lesson, chosen)
    predicted = model.predict(matrix[200:], len(model.curve))
    assert predicted.shape == ((100, 3) if learn == "chances" else (100,))
    if learn == "number":
        assert np.corrcoef(predicted, target[200:])[0, 1] > 0.8
    else:
        decided = predicted.argmax(axis=1) if learn == "chances" else predicted > 0.5
        assert np.mean(decided == target[200:]) > 0.75


def test_stretches_of_time_are_held_back_as_test_takes_them() -> None:
    days = [day for day in range(100) if day % 20 < 12]  # test has 8 of every 20 days
    train = pl.DataFrame({"day": [str(day) for day in days for _ in range(3)]})
    fold = folds.block_folds(
        train, np.zeros(train.height), config(split_columns=("day",), gap=9.0, folds=4)
    ).reshape(-1, 3)
    assert (fold == fold[:, :1]).all()  # a day is whole
    lengths = [len(list(run)) for _, run in itertools.groupby(fold[:, 0])]
    assert lengths == [12] * 5
    short = folds.block_folds(train, np.zeros(train.height), config(split_columns=("day",), gap=4.0, folds=4))
    assert set(short) == {0, 1, 2, 3}
    assert [len(list(run)) for _, run in itertools.groupby(short[::3])] == [4] * 15


def test_rows_of_one_moment_are_in_one_fold_of_time() -> None:
    days = np.repeat(np.arange(6), [1, 7, 2, 9, 3, 2])
    fold = folds.time_folds(
        pl.DataFrame({"d": list(map(str, days))}), np.zeros(len(days)), config(split_columns=("d",))
    )
    assert all(len(set(fold[days == day])) == 1 for day in range(6))
    assert sorted(set(fold) - {-1}) == list(range(len(set(fold) - {-1})))
    assert (np.diff(fold) >= 0).all()
