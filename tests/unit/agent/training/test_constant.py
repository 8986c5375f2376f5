"""The plain sums for a constant answer are the scores that the metrics give."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from agent.brief import Target
from agent.metrics import METRICS, score
from agent.training.constant import constant_score
from tests.unit.agent.briefs import a_brief

CLASSES = ("a", "b", "c", "none has it")
VALUES = [1.0, 2.5, 4.0, 8.0, 0.5, 3.0, None]
LABELS = ["a", "b", "b", "c", "b", "a", None]
PAIR = ["no", "yes", "no", "no", None, "yes", "no"]


def brief_for(metric: str, form: str) -> tuple[Any, pl.DataFrame, pl.DataFrame]:
    """A brief, train's truth and a constant submission of that form."""
    if form == "value":
        cells = {"y": "2.25"}
        changes = {"task": "regression", "answer": "value", "classes": ()}
        return a_brief(metric=metric, **changes), pl.DataFrame({"y": VALUES}), pl.DataFrame(cells)
    if form == "probability":
        changes = {"answer": "probability", "positive_label": "yes"}
        return a_brief(metric=metric, **changes), pl.DataFrame({"y": PAIR}), pl.DataFrame({"y": "0.4"})
    changes = {"task": "multiclass", "classes": CLASSES, "answer": form}
    if form == "class_probabilities":
        brief = a_brief(metric=metric, targets=CLASSES, **changes)
        brief = type(brief)(
            **{f: getattr(brief, f) for f in brief.__struct_fields__}
            | {"targets": (Target(train_column="y", submission_column="y"),)}
        )
        cells = dict(zip(CLASSES, ("0.3", "0.5", "0.15", "0.05"), strict=True))
        return brief, pl.DataFrame({"y": LABELS}), pl.DataFrame(cells)
    if metric == "f1":
        changes |= {"classes": ("no", "yes"), "positive_label": "yes", "task": "binary"}
        return a_brief(metric=metric, **changes), pl.DataFrame({"y": PAIR}), pl.DataFrame({"y": "yes"})
    count = int(metric.removeprefix("map@")) if metric.startswith("map@") else 1
    return (
        a_brief(metric=metric, **changes),
        pl.DataFrame({"y": LABELS}),
        pl.DataFrame({"y": " ".join(("b", "a", "c")[:count])}),
    )


KINDS = [
    (name, form)
    for name, metric in METRICS.items()
    for form in metric.answers
    if not name.startswith("map@") or name in {"map@1", "map@2", "map@3"}
]


@pytest.mark.parametrize(("metric", "form"), KINDS)
def test_plain_sums_are_the_metrics(metric: str, form: str) -> None:
    brief, truth, answer = brief_for(metric, form)
    known = truth.drop_nulls()
    said = answer.select(pl.all().repeat_by(known.height).explode())
    if form == "class_probabilities":
        said = said.select(CLASSES)
    expected = score(
        metric,
        truth=known,
        predicted=said,
        targets=brief.targets,
        classes=brief.classes,
        positive_label=brief.positive_label,
    )
    assert constant_score(answer, truth, brief) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_what_a_metric_is_not_defined_for_has_no_score() -> None:
    brief, _, answer = brief_for("rmsle", "value")
    assert constant_score(answer, pl.DataFrame({"y": [-1.0, 2.0]}), brief) is None
    brief, _, answer = brief_for("roc_auc", "probability")
    assert constant_score(answer, pl.DataFrame({"y": ["no", "no"]}), brief) is None
    assert constant_score(answer, pl.DataFrame({"y": [None]}, schema={"y": pl.String}), brief) is None


def test_several_targets_count_by_their_mean() -> None:
    brief = a_brief(metric="mae", targets=("u", "v"), task="regression", answer="value", classes=())
    truth = pl.DataFrame({"u": np.arange(5.0), "v": np.arange(5.0) * 2})
    assert constant_score(pl.DataFrame({"u": "2", "v": "4"}), truth, brief) == pytest.approx((1.2 + 2.4) / 2)
