"""The report stands alone and says nothing that a stranger can turn into markup."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from agent.planning.claude_call import Spent
from agent.planning.means import Means
from agent.planning.plan import make_plan
from agent.report.page import Outcome, write_report
from agent.report.plots import importance_plot, prediction_plot
from agent.search.tree import Attempt
from events.progress import ModelEvaluated
from tests.unit.agent.briefs import a_brief, feature

MEANS = Means(seconds=60.0, threads=1, memory_bytes=8 * 1024**3, seed=0)
HOSTILE = "<script>alert(1)</script>"


def outcome(**changes: object) -> Outcome:
    score = ModelEvaluated(
        model="blend", metric="accuracy", maximize=True, score=0.8125, fold_scores=(0.8, 0.825)
    )
    fields: dict[str, Any] = {
        "evaluations": (score,),
        "warnings": (),
        "checks": ("checked",),
        "plots": {},
        "seconds": {},
    }
    return Outcome(**(fields | changes))


def test_every_stranger_s_word_is_escaped() -> None:
    brief = a_brief(
        title=HOSTILE,
        competition=HOSTILE,
        features=(feature(HOSTILE),),
        classes=(HOSTILE, "b"),
        dropped={HOSTILE: HOSTILE},
        notes=(HOSTILE,),
    )
    page = write_report(brief, make_plan(brief, MEANS, target_min=None), outcome(warnings=(HOSTILE,)))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 8


def test_the_page_says_score_metric_and_folds_and_links_nowhere() -> None:
    brief = a_brief()
    page = write_report(brief, make_plan(brief, MEANS, target_min=None), outcome())
    assert "0.8125" in page
    assert "0.8, 0.825" in page
    assert "made up" in page
    assert "kaggle competitions submit -c made-up" in page
    assert re.findall(r'(?:src|href)="', page) == []


def test_the_tree_of_attempts_is_told_with_what_it_cost() -> None:
    brief = a_brief()
    templates = Attempt(
        number=0, kind="templates", state="accepted", idea=HOSTILE, verdict="beaten", score=0.7
    )
    mended = Attempt(
        number=2, kind="repair", state="accepted", idea="waves", verdict=HOSTILE, parent=1, dollars=0.0125
    )
    spent = Spent(calls=3, cache_read_tokens=12_345, dollars=0.21)
    told = outcome(attempts=(templates, mended), search="One attempt gained.", spent=spent)
    page = write_report(brief, make_plan(brief, MEANS, target_min=None), told)
    assert "<script" not in page
    for words in ("One attempt gained.", "2: repair of 1", "waves", "0.0125", "12,345", "$0.2100"):
        assert words in page


def test_a_makeshift_is_said_plainly() -> None:
    brief = a_brief()
    page = write_report(brief, make_plan(brief, MEANS, target_min=None), outcome(warnings=("A constant.",)))
    assert '<p class="warn">A constant.</p>' in page


def test_plots_are_svg_without_markup_from_names() -> None:
    drawn = importance_plot([(HOSTILE, 0.7), ("$x$", 0.3)])
    assert drawn.startswith("<svg")
    assert "<script" not in drawn
    assert drawn == importance_plot([(HOSTILE, 0.7), ("$x$", 0.3)])


def test_each_form_of_answer_has_its_picture() -> None:
    labels = pl.DataFrame({"y": ["yes", "no", "yes", "no"]})
    table = pl.DataFrame({"row": [0, 1, 2, 3], "fold": [0, 0, 1, 1], "y": ["yes", "no", "no", "no"]})
    confusion = prediction_plot(table, labels, a_brief(rows=4)) or ""
    assert ">answered out of fold<" in confusion
    chances = table.with_columns(y=pl.Series(["0.9", "0.1", "0.6", "0.2"]))
    auc = a_brief(rows=4, metric="roc_auc", answer="probability", positive_label="yes")
    assert "false positive rate" in (prediction_plot(chances, labels, auc) or "")
    value = a_brief(rows=4, metric="rmse", task="regression", answer="value", classes=())
    numbers = pl.DataFrame({"y": [1.0, 2.0, 3.0, 4.0]})
    assert "predicted out of fold" in (prediction_plot(chances, numbers, value) or "")
