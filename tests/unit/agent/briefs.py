"""Briefs of made-up competitions, for tests of what comes after analysis."""

from __future__ import annotations

from typing import Any

from agent.brief import (
    Brief,
    ColumnKind,
    Dialect,
    Feature,
    MetricChoice,
    TableFile,
    Target,
    Validation,
)
from agent.metrics import METRICS


def feature(name: str, *, kind: ColumnKind = "numeric", unique: int = 50) -> Feature:
    return Feature(name=name, kind=kind, missing_fraction=0.0, unique=unique)


def a_brief(
    *,
    metric: str = "accuracy",
    scheme: Any = "stratified",
    column: str | None = None,
    rows: int = 1_000,
    features: tuple[Feature, ...] = (feature("x"),),
    targets: tuple[str, ...] = ("y",),
    **changes: Any,
) -> Brief:
    names = tuple(each.name for each in features)

    def table(path: str, columns: tuple[str, ...]) -> TableFile:
        return TableFile(path=path, dialect=Dialect(), rows=rows, columns=columns)

    fields: dict[str, Any] = {
        "competition": "made-up",
        "title": "Made up",
        "train": table("train.csv", ("id", *names, *targets)),
        "test": table("test.csv", ("id", *names)),
        "sample": table("sample_submission.csv", ("id", *targets)),
        "id_column": "id",
        "id_in_test": True,
        "targets": tuple(Target(train_column=name, submission_column=name) for name in targets),
        "task": "binary",
        "answer": "label",
        "classes": ("no", "yes"),
        "positive_label": None,
        "metric": MetricChoice(
            name=metric, maximize=METRICS[metric].maximize, evidence="made up", certain=True
        ),
        "validation": Validation(scheme=scheme, reason="made up", column=column),
        "features": features,
        "dropped": {},
        "notes": (),
    }
    return Brief(**(fields | changes))
