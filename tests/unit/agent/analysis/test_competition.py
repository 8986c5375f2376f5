"""The brief agrees with what is known of real competitions, and holds on small awkward ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.analysis.competition import analyse
from agent.errors import RolesError

COMPETITIONS = Path(__file__).parents[4].parent / "shared" / "competitions"
SLUGS = sorted(path.parent.name for path in COMPETITIONS.glob("*/meta.json"))
ANSWERS = {"label": "label", "probability": "probability", "value": "value", "multi_value": "value"}


def as_tuple(value):
    return tuple(value) if isinstance(value, list) else (value,)


@pytest.mark.skipif(not SLUGS, reason="the prepared competitions are not beside this checkout")
@pytest.mark.parametrize("slug", SLUGS)
def test_real_competitions(slug):
    meta = json.loads((COMPETITIONS / slug / "meta.json").read_text())
    told = []
    brief = analyse(
        COMPETITIONS / slug / "public", slug, progress=lambda done, message: told.append((done, message))
    )
    assert brief.task == meta["task"]
    assert (brief.metric.name, brief.metric.certain) == (meta["metric"], True)
    assert brief.metric.maximize == (meta["direction"] == "maximize")
    assert (brief.id_column, brief.id_in_test) == (meta["id_column"], meta["id_in_test"])
    assert tuple(target.submission_column for target in brief.targets) == as_tuple(meta["target"])
    assert tuple(target.train_column for target in brief.targets) == as_tuple(meta["train_target"])
    assert brief.answer == ANSWERS[meta["submission_format"]]
    assert brief.sample.columns == tuple(meta["submission_columns"])
    assert (brief.train.rows, brief.test.rows) == (meta["n_train"], meta["n_test"])
    assert brief.title == meta["title"]
    assert brief.positive_label == (None if meta["positive_label"] is None else str(meta["positive_label"]))
    known = {str(label) for label in meta["classes"] or ()}
    # The wine tasters could have given grades that no wine got.
    assert set(brief.classes) == known or (meta["metric"] == "qwk" and set(brief.classes) < known)
    for name in meta["train_only_columns"]:
        assert name in brief.dropped
    columns = {feature.name for feature in brief.features}
    assert not columns & {target.train_column for target in brief.targets}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == 1


@pytest.mark.skipif(not SLUGS, reason="the prepared competitions are not beside this checkout")
def test_whole_storms_are_held_out_together():
    found = analyse(COMPETITIONS / "atlantic-storm-intensity" / "public", "s", progress=lambda *_: None)
    assert found.validation.scheme == "group"
    assert {found.validation.column, found.validation.second_column} == {"name", "year"}


def brief_of(folder, train, test, sample, *, description="", field=None, encoding="utf-8"):
    for name, content in (("train", train), ("test", test), ("sample_submission", sample)):
        (folder / f"{name}.csv").write_bytes(content.encode(encoding))
    (folder / "description.md").write_text(description)
    return analyse(folder, "c", evaluation_metric=field, progress=lambda *_: None)


def rows(count, line, start=0):
    return "".join(line(i) + "\n" for i in range(start, start + count))


def test_semicolons_decimal_commas_and_an_old_encoding(tmp_path):
    brief = brief_of(
        tmp_path,
        "nº;größe;preis\n" + rows(30, lambda i: f"{i};{i},5;{i * 2},25"),
        "nº;größe\n" + rows(10, lambda i: f"{i};{i},5", 30),
        "nº;preis\n" + rows(10, lambda i: f"{i};0,0", 30),
        field="Mean Absolute Error",
        encoding="latin-1",
    )
    assert brief.train.dialect.decimal_comma
    assert (brief.task, brief.answer, brief.metric.name) == ("regression", "value", "mae")
    assert [(feature.name, feature.kind) for feature in brief.features] == [("größe", "numeric")]


@pytest.mark.parametrize(
    ("labels", "sampled", "classes", "positive"),
    [
        (("-1", "1"), "1", ("-1", "1"), "1"),
        (("False", "True"), "False", ("False", "True"), "True"),
        (("true", "false"), "0", ("0", "1"), "1"),
        (("0.0", "1.0"), "0", ("0", "1"), "1"),
        (("NA", "EU"), "NA", ("EU", "NA"), "NA"),
        (("None", "Some"), "None", ("None", "Some"), "Some"),
    ],
)
def test_labels_are_written_as_in_the_submission(tmp_path, labels, sampled, classes, positive):
    brief = brief_of(
        tmp_path,
        "id,a,y\n" + rows(40, lambda i: f"{i},{i % 7},{labels[i % 2]}"),
        "id,a\n" + rows(10, lambda i: f"{i},{i % 7}", 40),
        "id,y\n" + rows(10, lambda i: f"{i},{sampled}", 40),
        description="## Evaluation\nScored by classification accuracy.",
    )
    assert (brief.task, brief.answer) == ("binary", "label")
    assert (brief.classes, brief.positive_label) == (classes, positive)


def test_one_column_for_each_class(tmp_path):
    brief = brief_of(
        tmp_path,
        "id,a,kind\n" + rows(60, lambda i: f"{i},{i % 7},{['CL', 'C', 'D'][i % 3]}"),
        "id,a\n" + rows(10, lambda i: f"{i},{i % 7}", 60),
        "id,Status_D,Status_C,Status_CL\n" + rows(10, lambda i: f"{i},0.3,0.3,0.4", 60),
    )
    assert (brief.answer, brief.task) == ("class_probabilities", "multiclass")
    assert brief.classes == ("D", "C", "CL")
    assert (brief.metric.name, brief.metric.certain) == ("log_loss", False)
    assert brief.targets[0].train_column == "kind"


def test_several_yes_or_no_targets(tmp_path):
    brief = brief_of(
        tmp_path,
        "id,a,toxic,rude\n" + rows(40, lambda i: f"{i},{i % 7},{i % 2},{i % 5 // 4}"),
        "id,a\n" + rows(10, lambda i: f"{i},{i % 7}", 40),
        "id,toxic,rude\n" + rows(10, lambda i: f"{i},0.5,0.5", 40),
        description="## Evaluation\nMean column-wise ROC AUC.",
    )
    assert [target.train_column for target in brief.targets] == ["toxic", "rude"]
    assert (brief.task, brief.answer, brief.metric.name) == ("binary", "probability", "roc_auc")


def test_rmse_of_several_targets_is_taken_by_column(tmp_path):
    brief = brief_of(
        tmp_path,
        "id,a,u,v\n" + rows(40, lambda i: f"{i},{i % 7},{i / 3},{i / 7}"),
        "id,a\n" + rows(10, lambda i: f"{i},{i % 7}", 40),
        "id,u,v\n" + rows(10, lambda i: f"{i},0,0", 40),
        field="Root Mean Squared Error",
    )
    assert brief.metric.name == "mcrmse"


def test_a_metric_that_cannot_grade_the_target_is_passed_over(tmp_path):
    brief = brief_of(
        tmp_path,
        "id,a,y\n" + rows(40, lambda i: f"{i},{i % 7},{['cat', 'dog', 'cow'][i % 3]}"),
        "id,a\n" + rows(10, lambda i: f"{i},{i % 7}", 40),
        "id,y\n" + rows(10, lambda i: f"{i},cat", 40),
        description="## Evaluation\nThe RMSE of the baseline is 3. Scored by F1.",
        field="Custom Metric",
    )
    assert (brief.metric.name, brief.metric.certain) == ("f1_macro", False)


def test_ids_keep_their_zeros_and_rows_without_a_target_are_noted(tmp_path):
    brief = brief_of(
        tmp_path,
        "id,a,y\n" + rows(40, lambda i: f"{i:05},{i % 7},{i / 3 if i % 10 else ''}"),
        "id,a\n" + rows(10, lambda i: f"{i:05},{i % 7}", 40),
        "id,y\n" + rows(10, lambda i: f"{i:05},0", 40),
    )
    assert (brief.metric.name, brief.metric.certain) == ("rmse", False)
    assert any("4 rows" in note for note in brief.notes)


TRAIN = "id,a,y,z\n" + rows(40, lambda i: f"{i},{i % 7},{i / 3},{i}")
TEST = "id,a\n" + rows(10, lambda i: f"{i},{i % 7}", 40)


@pytest.mark.parametrize("written", ["{}", "{}.0", "{:05}"])
def test_an_id_is_the_same_however_its_number_is_written(tmp_path, written):
    brief = brief_of(tmp_path, TRAIN, TEST, "id,y\n" + rows(10, lambda i: f"{written.format(i)},0", 40))
    assert (brief.id_column, brief.id_in_test) == ("id", True)


def test_a_column_may_be_called_a_little_otherwise_in_test(tmp_path):
    brief = brief_of(
        tmp_path, TRAIN, TEST.replace("id,a", "id, A "), "id,y\n" + rows(10, lambda i: f"{i},0", 40)
    )
    assert brief.test_names == {" A ": "a"}
    assert [feature.name for feature in brief.features] == ["a"]


def test_the_rows_own_numbers_are_no_feature(tmp_path):
    def numbered(table):
        head, *lines = table.splitlines()
        return "\n".join([f",{head}", *(f"{place},{line}" for place, line in enumerate(lines))]) + "\n"

    sample = "id,y\n" + rows(10, lambda i: f"{i},0", 40)
    brief = brief_of(tmp_path, numbered(TRAIN), numbered(TEST), numbered(sample))
    assert (brief.id_column, brief.more_ids) == ("", ("id",))
    assert "" not in {feature.name for feature in brief.features}
    brief = brief_of(tmp_path, numbered(TRAIN), numbered(TEST), sample)
    assert brief.id_column == "id"
    assert brief.dropped[""] == "numbers that a table writer gave the rows"


def test_a_sample_of_a_header_alone_asks_for_all_of_test(tmp_path):
    brief = brief_of(tmp_path, TRAIN, TEST, "id,y\n")
    assert (brief.sample.path, brief.sample.rows, brief.sample.columns) == ("", 10, ("id", "y"))
    assert brief.id_in_test


@pytest.mark.parametrize(
    ("test", "sample", "reason"),
    [
        (TEST, "id,price\n" + rows(10, lambda i: f"{i},high", 40), "target_not_found"),
        (TEST, "id\n" + rows(10, str, 40), "target_not_found"),
        (TEST, "id,y\n" + rows(10, lambda i: f"{i},0", 70), "ids_mismatch"),
        (TEST, "id,y\n" + rows(10, lambda _: "40,0"), "ids_mismatch"),
        (TEST, "row,y\n" + rows(9, lambda i: f"{i},0"), "ids_mismatch"),
    ],
)
def test_what_does_not_add_up_is_refused(tmp_path, test, sample, reason):
    with pytest.raises(RolesError) as caught:
        brief_of(tmp_path, TRAIN, test, sample)
    assert caught.value.reason == reason
    assert not caught.value.retryable
