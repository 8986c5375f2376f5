"""solution.py: one file, nothing missing and nothing too much, whatever the plan."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from agent.brief import Validation
from agent.codegen.solution import defined_by, write_solution
from agent.planning.means import Means
from agent.planning.plan import make_plan
from tests.unit.agent.briefs import a_brief, feature

if TYPE_CHECKING:
    from pathlib import Path

FEATURES = (
    feature("age"),
    feature("colour", kind="categorical", unique=4),
    feature("town", kind="categorical", unique=900),
    feature("when", kind="datetime"),
    feature("words", kind="text"),
)
CASES: dict[str, dict[str, Any]] = {
    "accuracy": {"features": FEATURES},
    "plain numbers": {"task": "regression", "answer": "value", "classes": (), "metric": "rmsle"},
    "grades in time": {
        "task": "multiclass",
        "metric": "qwk",
        "classes": ("1", "2", "3"),
        "scheme": "time",
        "column": "when",
        "features": FEATURES,
    },
    "groups": {
        "task": "multiclass",
        "metric": "log_loss",
        "answer": "class_probabilities",
        "classes": ("a", "b", "c"),
        "scheme": "group",
        "column": "town",
    },
    "stretches": {
        "task": "regression",
        "answer": "value",
        "classes": (),
        "metric": "mae",
        "features": FEATURES,
        "validation": Validation(scheme="blocks", reason="made up", column="when", gap=86_400.0),
    },
    "macro": {"task": "multiclass", "metric": "f1_macro", "classes": ("a", "b", "c"), "scheme": "kfold"},
    "ranked": {"task": "multiclass", "metric": "map@3", "classes": ("a", "b", "c", "d")},
    "auc": {"metric": "roc_auc", "answer": "probability", "positive_label": "yes"},
    "mcc": {"metric": "mcc", "positive_label": "yes"},
}


def solution(changes: dict[str, Any]) -> str:
    brief = a_brief(**changes)
    means = Means(seconds=60.0, threads=2, memory_bytes=8 * 1024**3, seed=7)
    return write_solution(brief, make_plan(brief, means, target_min=0.0))


@pytest.fixture(scope="module")
def folder_of_solutions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("solutions")
    for name, changes in CASES.items():
        (folder / f"{name}.py").write_text(solution(changes))
    return folder


def test_no_name_is_missing_and_no_import_is_left_over(folder_of_solutions: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        "F,E9",
        str(folder_of_solutions),
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("case", CASES)
def test_every_definition_is_used(case: str) -> None:
    tree = ast.parse(solution(CASES[case]))
    used = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert defined
    assert defined - used == set()


def test_only_what_the_plan_needs_is_there() -> None:
    plain = solution(CASES["plain numbers"])
    assert "TfidfVectorizer" not in plain
    assert "TargetEncoder" not in plain
    assert "label_by_cut_points" not in plain
    assert "TfidfVectorizer" in solution(CASES["accuracy"])


def test_constants_that_share_a_line_are_both_known() -> None:
    assert defined_by(ast.parse("LOW, HIGH = 1, 2").body[0]) == ("LOW", "HIGH")


def test_nothing_of_ours_is_imported() -> None:
    assert "agent." not in solution(CASES["accuracy"])


def test_names_and_labels_are_quoted_never_code() -> None:
    hostile = "x'); import os; os.system('true') #\n\"\"\""
    text = solution({"features": (feature(hostile),), "title": hostile, "competition": hostile})
    calls = [ast.unparse(node.func) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    assert "os.system" not in calls
    assert repr(hostile) in text


def test_the_same_plan_gives_the_same_text() -> None:
    assert solution(CASES["accuracy"]) == solution(CASES["accuracy"])
