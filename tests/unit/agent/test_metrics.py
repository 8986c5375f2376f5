"""One function scores every metric: known values, shared shapes, and refusals that say what to mend."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from agent.brief import Target
from agent.metrics import METRICS, score

Y = (Target(train_column="y", submission_column="y"),)


def graded(metric, truth, predicted, **kwargs):
    frames = {"truth": pl.DataFrame({"y": truth}), "predicted": pl.DataFrame({"y": predicted}, strict=False)}
    return score(metric, **frames, targets=Y, **kwargs)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("rmse", math.sqrt(5 / 4)),
        ("mse", 5 / 4),
        ("mae", 3 / 4),
        ("medae", 0.5),
        ("mape", (1 / 2 + 2 / 4) / 4),
        ("rmspe", math.sqrt((1 / 4 + 4 / 16) / 4)),
        ("smape", 100 * (2 / 5 + 4 / 10) / 4),
        ("rmsle", math.sqrt((math.log(4 / 3) ** 2 + math.log(7 / 5) ** 2) / 4)),
        ("r2", 1 - 5 / 10),
    ],
)
def test_errors_of_values(metric, expected):
    # Errors of +1 at 2 and +2 at 4; the others are exact.
    assert graded(metric, [1, 2, 4, 5], [1.0, 3.0, 6.0, 5.0]) == pytest.approx(expected)


def test_rank_correlation_is_of_ranks():
    assert graded("spearman", [1, 2, 4, 5], [1, 3, 60, 700]) == pytest.approx(1)
    assert graded("pearson", [1, 2, 4, 5], [1, 3, 60, 700]) < 0.9


def test_a_constant_has_no_correlation():
    assert graded("pearson", [1, 2, 3], [5, 5, 5]) == 0
    assert graded("spearman", [1, 2, 3], [5, 5, 5]) == 0


@pytest.mark.parametrize(
    ("classes", "truth", "predicted"),
    [
        (("0", "1"), [0, 1, 1, 0], ["0", "1", "0", "0"]),
        (("0", "1"), ["0.0", "1.0", "1.0", "0.0"], [0, 1, 0, 0]),
        (("0", "1"), [False, True, True, False], [0.0, 1.0, 0.0, 0.0]),
        (("False", "True"), ["false", "true", "true", "false"], [False, True, False, False]),
        (("-1", "1"), [-1, 1, 1, -1], ["-1.0", "1", "-1", "-1"]),
        (("NA", "yes"), ["NA", "yes", "yes", "NA"], ["NA", "yes", "NA", "NA"]),
    ],
)
def test_labels_meet_in_any_spelling(classes, truth, predicted):
    kwargs = {"classes": classes, "positive_label": classes[1]}
    assert graded("accuracy", truth, predicted, **kwargs) == 0.75
    assert graded("f1", truth, predicted, **kwargs) == pytest.approx(2 / 3)
    assert graded("balanced_accuracy", truth, predicted, **kwargs) == 0.75


def test_kappa_knows_the_gap_between_grades():
    truth, predicted = [3, 5, 9, 9], [3, 9, 9, 5]
    expected = sk.cohen_kappa_score(truth, predicted, labels=range(11), weights="quadratic")
    assert graded("qwk", truth, predicted, classes=("3", "5", "9")) == pytest.approx(expected)


def test_the_areas():
    truth, chances = ["no", "yes", "no", "yes"], [0.1, 0.4, 0.5, 0.9]
    kwargs = {"classes": ("no", "yes"), "positive_label": "yes"}
    assert graded("roc_auc", truth, chances, **kwargs) == 0.75
    assert graded("gini", truth, chances, **kwargs) == 0.5
    assert graded("average_precision", truth, chances, **kwargs) == pytest.approx((1 + 2 / 3) / 2)


def test_a_column_for_each_class_whatever_its_name():
    predicted = pl.DataFrame({"p_a": [0.5, 0.2], "p_b": [0.25, 0.6], "p_c": [0.25, 0.2]})
    truth = pl.DataFrame({"y": ["a", "b"]})
    log_loss = score("log_loss", truth=truth, predicted=predicted, targets=Y, classes=("a", "b", "c"))
    assert log_loss == pytest.approx(-(math.log(0.5) + math.log(0.6)) / 2)
    assert score("roc_auc", truth=truth, predicted=predicted, targets=Y, classes=("a", "b", "c")) == 1


def test_several_targets_count_by_their_mean():
    targets = tuple(Target(train_column=name, submission_column=name.upper()) for name in "ab")
    truth = pl.DataFrame({"a": [0.0, 0.0], "b": [0.0, 0.0]})
    predicted = pl.DataFrame({"A": [1.0, 1.0], "B": [3.0, 3.0]})
    assert score("mcrmse", truth=truth, predicted=predicted, targets=targets) == 2


def test_ranked_labels():
    kwargs = {"classes": ("a", "b", "c")}
    assert graded("map@3", ["a", "b", "c"], ["a b c", "a b", "a b"], **kwargs) == pytest.approx(1.5 / 3)


@pytest.mark.parametrize(
    ("metric", "truth", "predicted", "kwargs", "word"),
    [
        ("brilliance", [1], [1], {}, "no metric"),
        ("rmse", [1, 2], [1], {}, "1 predictions"),
        ("rmse", [1, 2], [1, None], {}, "empty"),
        ("rmse", [1, 2], [1, math.inf], {}, "finite"),
        ("rmsle", [1, 2], [1, -1], {}, "negative"),
        ("accuracy", ["a", "b"], ["a", "z"], {"classes": ("a", "b")}, "z"),
        ("f1", ["a", "b"], ["a", "b"], {"classes": ("a", "b", "c"), "positive_label": "a"}, "f1"),
        ("log_loss", [0, 1], [0, 1.5], {"classes": ("0", "1"), "positive_label": "1"}, "0..1"),
        ("roc_auc", [1, 1], [0, 1], {"classes": ("0", "1"), "positive_label": "1"}, "both"),
        ("roc_auc", [0, 1], [0, 1], {"classes": ("0", "1")}, "positive"),
        ("map@1", ["a"], ["a b"], {"classes": ("a", "b")}, "1 known"),
    ],
)
def test_what_does_not_fit_is_refused(metric, truth, predicted, kwargs, word):
    with pytest.raises(ValueError, match=word):
        graded(metric, truth, predicted, **kwargs)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("ab")), min_size=1), st.data())
def test_label_metrics_do_not_depend_on_the_order_of_rows(pairs, data):
    shuffled = data.draw(st.permutations(pairs))
    for metric in METRICS:
        if METRICS[metric].answers == ("label",):
            kwargs = {"classes": ("a", "b"), "positive_label": "b"}
            first, second = (
                graded(metric, [p[0] for p in rows], [p[1] for p in rows], **kwargs)
                for rows in (pairs, shuffled)
            )
            assert first == pytest.approx(second)
            assert -1 <= first <= 1
