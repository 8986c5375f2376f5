"""What a script leaves is untrusted: only a sound table is scored, and by the agent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import polars as pl
import pytest

from agent import child
from agent.analysis.truth import Known
from agent.planning.means import Means
from agent.planning.plan import make_plan
from agent.training.outputs import (
    OutputError,
    constant_out_of_fold,
    evaluate,
    read_importance,
    read_out_of_fold,
)
from agent.training.script import TrainingError, take_constant, take_results
from tests.unit.agent.briefs import a_brief

if TYPE_CHECKING:
    from pathlib import Path

BRIEF = a_brief(rows=4, positive_label="yes")
TRUTH = pl.DataFrame({"y": ["yes", "no", "yes", "no"]})
SAMPLE = pl.DataFrame({"id": ["1", "2"], "y": ["no", "no"]})
KNOWN = Known(sample=SAMPLE, truth_text=TRUTH, truth=TRUTH)
PLAN = make_plan(BRIEF, Means(seconds=60.0, threads=1, memory_bytes=8 * 1024**3, seed=0), target_min=None)
GOOD = "row,fold,y\n0,0,yes\n1,0,no\n2,1,yes\n3,1,yes\n"
ENDED = child.Ended(exit_code=0, overran=None, granted=("no-network",), error_tail="")


def written(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def test_the_agent_computes_the_score_over_all_rows_and_by_fold(tmp_path: Path) -> None:
    table = read_out_of_fold(written(tmp_path, oof=GOOD) / "oof.csv", BRIEF)
    found = evaluate("blend", table, TRUTH, BRIEF)
    assert (found.score, found.fold_scores) == (0.75, (1.0, 0.5))


def test_rows_may_be_missing_and_in_any_order(tmp_path: Path) -> None:
    table = read_out_of_fold(written(tmp_path, oof="row,fold,y\n3,1,yes\n1,1,no\n") / "oof.csv", BRIEF)
    assert evaluate("blend", table, TRUTH, BRIEF).score == 0.5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "row,fold,z\n0,0,yes\n",
        "row,fold,y\n",
        "row,fold,y\n0,0,\n",
        "row,fold,y\n4,0,yes\n",
        "row,fold,y\n0,0,yes\n0,1,no\n",
        "row,fold,y\n-1,0,yes\n",
        "row,fold,y\n0.5,0,yes\n",
        "row,fold,y\n0,0," + "x" * 10_000 + "\n",
    ],
)
def test_an_unsound_table_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(OutputError):
        read_out_of_fold(written(tmp_path, oof=text) / "oof.csv", BRIEF)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    written(tmp_path, elsewhere=GOOD)
    (tmp_path / "oof.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(OutputError, match="no plain file"):
        read_out_of_fold(tmp_path / "oof.csv", BRIEF)


def test_a_label_that_is_no_class_is_refused(tmp_path: Path) -> None:
    table = read_out_of_fold(written(tmp_path, oof="row,fold,y\n0,0,maybe\n") / "oof.csv", BRIEF)
    with pytest.raises(OutputError, match="maybe"):
        evaluate("blend", table, TRUTH, BRIEF)


def test_a_fold_of_one_class_has_no_area_but_the_whole_has() -> None:
    brief = a_brief(rows=4, metric="roc_auc", answer="probability", positive_label="yes")
    table = pl.DataFrame({"row": [0, 2, 1, 3], "fold": [0, 0, 1, 1], "y": ["0.9", "0.8", "0.1", "0.2"]})
    found = evaluate("blend", table, TRUTH, brief)
    assert (found.score, found.fold_scores) == (1.0, ())


def test_importance_is_read_with_doubt(tmp_path: Path) -> None:
    written(tmp_path, importance="feature,gain\na,0.7\nb,nonsense\nc,0.3\n", wrong="a,b\n1,2\n")
    assert read_importance(tmp_path / "importance.csv", 9) == (("a", 0.7), ("c", 0.3))
    assert read_importance(tmp_path / "wrong.csv", 9) == ()
    assert read_importance(tmp_path / "absent.csv", 9) == ()


def test_results_of_a_first_model_are_taken_when_time_ran_out(tmp_path: Path) -> None:
    written(tmp_path, submission="id,y\n1,yes\n2,no\n", oof=GOOD, oof_lightgbm=GOOD)
    late = child.Ended(exit_code=-9, overran="time", granted=("no-network",), error_tail="")
    trained = take_results(tmp_path, late, known=KNOWN, brief=BRIEF, plan=PLAN, until=math.inf)
    assert [each.model for each in trained.evaluations] == ["LightGBM"]
    assert "its time ran out" in trained.remarks[0]
    assert "XGBoost" in trained.remarks[1]


def test_a_first_look_is_taken_and_called_so(tmp_path: Path) -> None:
    looked = "row,fold,y\n0,0,yes\n1,1,no\n"
    written(tmp_path, submission="id,y\n1,yes\n2,no\n", oof=looked, oof_quick=looked, oof_lightgbm=GOOD)
    late = child.Ended(exit_code=-9, overran="time", granted=(), error_tail="")
    trained = take_results(tmp_path, late, known=KNOWN, brief=BRIEF, plan=PLAN, until=math.inf)
    assert [each.model for each in trained.evaluations] == ["LightGBM", "quick"]
    assert trained.out_of_fold.height == 2
    assert any("first look" in remark for remark in trained.remarks)


def test_late_only_what_is_submitted_is_scored(tmp_path: Path) -> None:
    whole = {"oof": GOOD, "oof_lightgbm": GOOD, "oof_xgboost": GOOD}
    written(tmp_path, submission="id,y\n1,yes\n2,no\n", **whole)
    trained = take_results(tmp_path, ENDED, known=KNOWN, brief=BRIEF, plan=PLAN, until=-math.inf)
    assert [each.model for each in trained.evaluations] == ["blend"]


def test_an_invalid_submission_is_worth_nothing(tmp_path: Path) -> None:
    written(tmp_path, submission="id,y\n1,yes\n1,no\n", oof=GOOD, oof_lightgbm=GOOD)
    with pytest.raises(TrainingError, match="stand more than once"):
        take_results(tmp_path, ENDED, known=KNOWN, brief=BRIEF, plan=PLAN, until=math.inf)


def test_the_constant_is_scored_where_the_truth_is_known() -> None:
    truth = pl.DataFrame({"y": ["yes", None, "no", "no"]})
    known = Known(sample=SAMPLE, truth_text=truth, truth=truth)
    trained = take_constant(SAMPLE, known, BRIEF, "It failed.")
    assert trained.evaluations[0].score == pytest.approx(2 / 3)
    assert "no model was learnt" in trained.remarks[0]


def test_a_constant_says_the_same_of_every_row() -> None:
    table = constant_out_of_fold(SAMPLE, BRIEF)
    assert table["row"].to_list() == [0, 1, 2, 3]
    assert set(table["y"]) == {"no"}
