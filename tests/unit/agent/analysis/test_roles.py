"""What is asked follows from the names, the labels and the sample."""

from __future__ import annotations

import polars as pl
import pytest

from agent.analysis.roles import (
    fallback_metric,
    match_class_columns,
    match_targets,
    positive_label,
    target_facts,
)
from agent.errors import RolesError


@pytest.mark.parametrize(
    ("asked", "train", "test", "found"),
    [
        (["y"], ["y", "Y", "a"], ["a"], ["y"]),
        (["Label"], ["label", "a"], ["a"], ["label"]),
        (["sale_price"], ["SalePrice", "a"], ["a"], ["SalePrice"]),
        (["wind", "pressure"], ["pressure", "a", "wind"], ["a"], ["wind", "pressure"]),
        (["prediction"], ["a", "price"], ["a"], ["price"]),
        (["prediction"], ["a", "price", "tax"], ["a"], None),
        (["y", "z"], ["a", "y"], ["a"], None),
    ],
)
def test_targets_by_name(asked, train, test, found):
    targets = match_targets(asked, train, test)
    assert (targets and [target.train_column for target in targets]) == found
    assert targets is None or [target.submission_column for target in targets] == asked


@pytest.mark.parametrize(
    ("asked", "labels", "classes"),
    [
        (["EAP", "HPL"], ["HPL", "EAP"], ("EAP", "HPL")),
        (["Status_CL", "Status_C", "Status_D"], ["C", "CL", "D"], ("CL", "C", "D")),
        (["Class_1", "Class_2", "Class_3"], ["Class_1", "Class_3"], ("Class_1", "Class_2", "Class_3")),
        (["1_prob", "2_prob"], ["1", "2"], ("1", "2")),
        (["p_x", "p_y"], ["x", "z"], None),
        (["p", "q"], ["x", "y", "z"], None),
    ],
)
def test_a_column_for_each_class(asked, labels, classes):
    found = match_class_columns(asked, {"other": ["0", "9"], "kind": labels})
    assert (found and found.classes) == classes
    assert found is None or found.train_column == "kind"


@pytest.mark.parametrize(
    ("classes", "description", "positive"),
    [
        (("0", "1"), "", "1"),
        (("-1", "1"), "", "1"),
        (("No", "Yes"), "", "Yes"),
        (("False", "True"), "", "True"),
        (("bad", "good"), "Predict the probability that a loan is bad.", "bad"),
        (("bad", "good"), "", "good"),
        (("No", "Yes"), "Give the probability that a loan is not paid (paid = No).", "No"),
        (("No", "Yes"), "Give the probability, no more. A Yes or a No will not do.", "Yes"),
        (("B", "M"), "The F1 score of malignant ones counts: M is the positive class.", "M"),
        (("0", "1"), "Here the positive class is `0`, as it is the rare one.", "0"),
        (("0", "1"), "Predict the probability that y = 1 (0: no, 1: yes).", "1"),
        (("a", "b", "c"), "", None),
    ],
)
def test_the_positive_label(classes, description, positive):
    label, note = positive_label(classes, description)
    assert label == positive
    assert (note is not None) == (classes == ("bad", "good") and not description)


def facts(cells, sample, **kwargs):
    text = pl.Series("y", [None if cell is None else str(cell) for cell in cells])
    sampled = pl.Series("y", [str(cell) for cell in sample])
    return target_facts([text], [pl.Series("y", cells)], [sampled], **{"class_columns": False} | kwargs)


@pytest.mark.parametrize(
    ("cells", "sample", "metric"),
    [
        ([0, 1] * 50, [0.5], "log_loss"),
        ([0, 1] * 50, [0], "accuracy"),
        (["cat", "dog", "cow"] * 30, ["cat"], "accuracy"),
        ([1, 2, 3] * 30, [2], "accuracy"),
        ([1, 2, 3] * 30, [1.97], "rmse"),
        ([0.5 + n for n in range(90)], [3.5], "rmse"),
        (list(range(90)), [0], "rmse"),
    ],
)
def test_without_a_metric_the_sample_shows_the_form(cells, sample, metric):
    assert fallback_metric(facts(cells, sample)) == metric


def test_a_target_without_a_cell_is_refused():
    with pytest.raises(RolesError) as caught:
        facts([None, None], [0])
    assert caught.value.reason == "target_empty"
