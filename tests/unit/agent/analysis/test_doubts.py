"""Where the rules disagree the brief says so, and a doubt can only be settled by what the data allow."""

from __future__ import annotations

import msgspec
import pytest

from agent.analysis.competition import analyse
from agent.analysis.doubts import NoSuchChoiceError, doubts_of, settle
from agent.brief import Brief


def table(header, lines):
    return "\n".join([header, *lines]) + "\n"


def brief_of(folder, *, train, sample, description="", field=None):
    test = table("id,a", [f"{i},{i % 7}" for i in range(60, 80)])
    for name, content in (("train", train), ("test", test), ("sample_submission", sample)):
        (folder / f"{name}.csv").write_text(content)
    (folder / "about.md").write_text(description)
    return analyse(folder, "c", evaluation_metric=field, progress=lambda *_: None)


def sample_of(column, cell):
    return table(f"id,{column}", [f"{i},{cell}" for i in range(60, 80)])


TWO_NUMBERS = table("id,a,gross,net", [f"{i},{i % 7},{i / 3},{i % 2}" for i in range(60)])
LABELS = table("id,a,state", [f"{i},{i % 7},{'wet' if i % 2 else 'dry'}" for i in range(60)])


def candidates(brief):
    return {doubt.topic: [each.name for each in doubt.candidates] for doubt in doubts_of(brief)}


def test_plain_names_leave_no_doubt(tmp_path):
    brief = brief_of(tmp_path, train=LABELS, sample=sample_of("state", "wet"), field="Accuracy")
    assert brief.doubts == ()


def test_a_target_of_another_name_is_the_likeliest_and_can_be_settled_otherwise(tmp_path):
    brief = brief_of(
        tmp_path,
        train=TWO_NUMBERS,
        sample=sample_of("prediction", "0.5"),
        description="Predict the gross of each row. Scored by RMSE; we use mean absolute error, too.",
    )
    assert brief.targets[0].train_column == "gross"
    assert candidates(brief) == {"target": ["gross", "net"], "metric": ["rmse", "mae"]}
    other = settle(brief, "target", "net", by="a test")
    assert [target.train_column for target in other.targets] == ["net"]
    assert "gross" in other.dropped
    assert other.doubts == ()
    assert other.notes[-1] == "The target could be gross or net: a test chose net."


def test_a_column_that_cannot_answer_as_the_sample_does_is_no_candidate(tmp_path):
    lines = [f"{i},{i % 7},{i / 3},{'hi' if i % 2 else 'lo'}" for i in range(60)]
    brief = brief_of(tmp_path, train=table("id,a,gross,net", lines), sample=sample_of("answer", "lo"))
    assert brief.targets[0].train_column == "net"
    assert "target" not in candidates(brief)


def test_the_prose_may_gainsay_the_field(tmp_path):
    brief = brief_of(
        tmp_path,
        train=LABELS,
        sample=sample_of("state", "0.5"),
        description="## Evaluation\nSubmissions are scored by log loss: the probability of wet.",
        field="Area Under Receiver Operating Characteristic Curve",
    )
    assert candidates(brief) == {"metric": ["roc_auc", "log_loss"]}
    settled = settle(brief, "metric", "log_loss", by="a test")
    assert (settled.metric.name, settled.metric.maximize, settled.positive_label) == (
        "log_loss",
        False,
        "wet",
    )


def test_an_unknown_metric_is_said_and_may_be_any_that_fits(tmp_path):
    brief = brief_of(tmp_path, train=LABELS, sample=sample_of("state", "wet"), field="Secret Score")
    assert brief.metric.name == "accuracy"
    assert "No known metric is named ('Secret Score'). Taken is accuracy." in brief.notes
    names = candidates(brief)["metric"]
    assert {"f1", "mcc", "roc_auc"} < set(names)
    assert not {"rmse", "mae"} & set(names)
    assert settle(brief, "metric", "roc_auc", by="a test").answer == "probability"


def test_the_positive_label_survives_a_settled_metric(tmp_path):
    brief = brief_of(tmp_path, train=LABELS, sample=sample_of("state", "0.5"))
    assert candidates(brief)["positive label"] == ["wet", "dry"]
    settled = settle(settle(brief, "positive label", "dry", by="x"), "metric", "roc_auc", by="x")
    assert (settled.positive_label, settled.metric.name) == ("dry", "roc_auc")


def test_of_two_columns_the_one_asked_for_first_is_likelier(tmp_path):
    said = "Predict gross, not what is left of it, the net."
    brief = brief_of(tmp_path, train=TWO_NUMBERS, sample=sample_of("answer", "0.5"), description=said)
    assert [target.train_column for target in brief.targets] == ["gross"]


def test_only_candidates_can_be_chosen(tmp_path):
    brief = brief_of(tmp_path, train=TWO_NUMBERS, sample=sample_of("prediction", "0.5"))
    for topic, choice in (("target", "a"), ("positive label", "gross"), ("metric", "rmsle")):
        with pytest.raises(NoSuchChoiceError):
            settle(brief, topic, choice, by="x")


def test_a_brief_with_doubts_comes_back_from_json(tmp_path):
    brief = brief_of(tmp_path, train=TWO_NUMBERS, sample=sample_of("prediction", "0.5"))
    assert msgspec.json.decode(msgspec.json.encode(brief), type=Brief) == brief
