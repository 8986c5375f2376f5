"""Holds a brief against what was drawn, and a solution's submission against the answers held back."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import TYPE_CHECKING, Any

import polars as pl

from agent.analysis.competition import analyse
from agent.analysis.truth import read_known
from agent.codegen.solution import write_solution
from agent.metrics import score
from agent.planning.means import Means
from agent.planning.plan import make_plan
from agent.training.outputs import evaluate, read_out_of_fold
from agent.training.submission import check, write_constant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.brief import Brief
    from tests.unit.agent.quirks.making import Drawn


def faults(brief: Brief, drawn: Drawn) -> Iterator[str]:
    """What the brief says otherwise than it should."""
    kinds = {feature.name: feature.kind for feature in brief.features}
    says: dict[str, Any] = {
        "metric": brief.metric.name,
        "answer": brief.answer,
        "id_column": brief.id_column,
        "more_ids": brief.more_ids,
        "id_in_test": brief.id_in_test,
        "targets": [target.train_column for target in brief.targets],
        "asked": [target.submission_column for target in brief.targets],
        "rows": (brief.train.rows, brief.test.rows),
        "positive": brief.positive_label,
        "classes": set(brief.classes),
        "scheme": brief.validation.scheme,
    }
    expected = dict(drawn.expected)
    if expected["answer"] == "class_probabilities":
        expected.pop("asked")
    joined, dropped = expected.pop("joined", None), expected.pop("dropped", None)
    expected.setdefault("scheme", "kfold" if brief.task == "regression" else "stratified")
    if says["positive"] is not None and expected.get("positive", "").removesuffix(".0") == says["positive"]:
        expected["positive"] = says["positive"]
    for what, value in expected.items():
        if says[what] != value:
            yield f"{what} is {says[what]!r}, not {value!r}"
    yield from () if brief.metric.certain else ["the metric is said to be in doubt"]
    odd = [name for name in drawn.numeric if kinds.get(name) != "numeric"]
    yield from (f"{name} is {kinds.get(name)}, not numeric" for name in odd)
    if joined is not None and joined not in kinds:
        yield f"{joined} is not joined, only {sorted(kinds)}"
    if dropped is not None and dropped not in brief.dropped:
        yield f"{dropped} is not dropped"
    if brief.doubts and drawn.quirks["asked_as"] != "other":
        yield f"there are doubts: {[doubt.question for doubt in brief.doubts]}"


def briefed(folder: Path, drawn: Drawn) -> Brief:
    """What the analysis makes of the files."""
    return analyse(folder, "game", evaluation_metric=drawn.field, progress=lambda *_: None)


def solved(folder: Path, output: Path, brief: Brief, drawn: Drawn, *, seconds: float) -> Iterator[str]:
    """What is wrong with the submission of the templates' solution, run here and now."""
    output.mkdir(exist_ok=True)
    known = read_known(folder, brief)
    constant = write_constant(
        output / "constant.csv", sample=known.sample, truth=known.truth_text, brief=brief
    )
    yield from (f"constant: {problem}" for problem in check(output / "constant.csv", known.sample, brief))
    means = Means(seconds=seconds, threads=2, memory_bytes=2**32, seed=0)
    text = write_solution(brief, make_plan(brief, means, target_min=known.least))
    arguments = ["solution.py", "--data", str(folder), "--output", str(output), "--seconds", str(seconds)]
    before, sys.argv = sys.argv, arguments
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(text, "solution.py", "exec"), {"__name__": "__main__"})
    except Exception as error:  # noqa: BLE001 - any of them is a finding
        yield f"the solution failed: {type(error).__name__}: {error}"
        return
    finally:
        sys.argv = before
    yield from check(output / "submission.csv", known.sample, brief)
    evaluate("blend", read_out_of_fold(output / "oof.csv", brief), known.truth, brief)
    submitted = pl.read_csv(output / "submission.csv", infer_schema=False)
    better, plain = (_graded(brief, drawn, answer) for answer in (submitted, constant))
    if better <= plain if brief.metric.maximize else better >= plain:
        yield f"the submission scores {better:.4f}, a constant {plain:.4f}"


def _graded(brief: Brief, drawn: Drawn, answer: pl.DataFrame) -> float:
    truth = pl.DataFrame(drawn.answers)
    if brief.task == "regression":
        truth = truth.select(pl.all().str.replace(",", "."))
    return score(
        brief.metric.name,
        truth=truth,
        predicted=answer.drop(brief.ids),
        targets=brief.targets,
        classes=brief.classes,
        positive_label=brief.positive_label,
    )
