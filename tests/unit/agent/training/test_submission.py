"""A submission is taken or refused with a reason, the constant one is taken, and scores are the grader's."""

from __future__ import annotations

import importlib.util
import os
import random
from pathlib import Path

import polars as pl
import pytest

from agent.analysis.competition import analyse
from agent.analysis.truth import read_known
from agent.metrics import score
from agent.training.submission import check, write_constant

COMPETITIONS = Path(__file__).parents[4].parent / "shared" / "competitions"
SLUGS = sorted(path.parent.name for path in COMPETITIONS.glob("*/meta.json"))
needs_competitions = pytest.mark.skipif(
    not SLUGS, reason="the prepared competitions are not beside this checkout"
)


def briefed(folder):
    brief = analyse(folder, "c", progress=lambda *_: None)
    known = read_known(folder, brief)
    return brief, known.sample, known.truth_text


def grader():
    spec = importlib.util.spec_from_file_location("grade", COMPETITIONS / "grade.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.grade


def noisy(brief, answers, rng):
    """Answers near the truth: two in three are right, or off by a little."""
    columns = {}
    for target in brief.targets:
        true = answers[target.submission_column].to_list()
        if brief.answer == "label":
            given = [cell if rng.random() < 0.67 else rng.choice(brief.classes) for cell in true]
        elif brief.answer == "probability":
            given = [abs((cell == brief.positive_label) - 0.7 * rng.random()) for cell in true]
        else:
            given = [float(cell) * rng.uniform(0.8, 1.3) for cell in true]
        columns[target.submission_column] = [str(cell) for cell in given]
    return pl.DataFrame(columns)


@needs_competitions
@pytest.mark.parametrize("slug", SLUGS)
def test_scores_are_the_graders(tmp_path, slug):
    brief, sample, truth = briefed(COMPETITIONS / slug / "public")
    answers = pl.read_csv(COMPETITIONS / slug / "private" / "test.csv", infer_schema=False)
    constant = write_constant(tmp_path / "constant.csv", sample=sample, truth=truth, brief=brief)
    near = answers.select(brief.id_column).hstack(noisy(brief, answers, random.Random(slug)))
    near.write_csv(tmp_path / "near.csv")
    held = answers.rename({t.submission_column: t.train_column for t in brief.targets})
    grade = grader()
    for name, given in (("constant.csv", constant), ("near.csv", near)):
        assert check(tmp_path / name, sample, brief) == ()
        ordered = answers.select(brief.id_column).join(
            given, on=brief.id_column, how="left", maintain_order="left"
        )
        ours = score(
            brief.metric.name,
            truth=held,
            predicted=ordered,
            targets=brief.targets,
            classes=brief.classes,
            positive_label=brief.positive_label,
        )
        theirs = grade(slug, str(tmp_path / name))
        assert theirs["valid"], theirs
        assert ours == pytest.approx(theirs["score"], abs=2e-6)


@pytest.fixture
def labels(tmp_path):
    """A small yes-or-no competition."""
    return make(tmp_path, ["Yes", "No"], "No", "Scored by the MCC.")


def make(folder, cells, sampled, prose):
    data = folder / "data"
    data.mkdir()
    train = "".join(f"{i},{i % 7},{cells[i % len(cells)]}\n" for i in range(60))
    (data / "train.csv").write_text("id,a,y\n" + train)
    (data / "test.csv").write_text("id,a\n" + "".join(f"0{i},1\n" for i in range(70, 74)))
    (data / "sample_submission.csv").write_text(
        "id,y\n" + "".join(f"0{i},{sampled}\n" for i in range(70, 74))
    )
    (data / "description.md").write_text(prose)
    brief, sample, _ = briefed(data)
    return folder / "submission.csv", sample, brief


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("id,y\n070,Yes\n071,No\n072,No\n073,No\n", None),
        ("id,y\n073,Yes\n071,No\n072,No\n070,No\n", None),
        ("id,y\n070,Yes\n071,No\n072,No\n", "missing"),
        ("id,y\n070,Yes\n071,No\n072,No\n073,No\n073,No\n", "more than once"),
        ("id,y\n70,Yes\n071,No\n072,No\n073,No\n", "not the sample's"),
        ("id,y\n070,Yes\n071,\n072,No\n073,No\n", "missing"),
        ("id,y\n070,Yes\n071,nan\n072,No\n073,No\n", "missing"),
        ("id,y\n070,Yes\n071,yes\n072,No\n073,No\n", "no class"),
        ("id,y,z\n070,Yes,1\n071,No,1\n072,No,1\n073,No,1\n", "columns"),
        ("y,id\nYes,070\nNo,071\nNo,072\nNo,073\n", "columns"),
        ("id;y\n070;Yes\n", "columns"),
        ("", "table"),
        ("id,y\n070,Yes,No\n", "table"),
        ("id,y\n" + "070,Yes\n" * 100_000, "bytes"),
    ],
)
def test_what_is_wrong_is_said(labels, content, problem):
    path, sample, brief = labels
    path.write_text(content)
    problems = check(path, sample, brief)
    assert (not problems) if problem is None else any(problem in said for said in problems)


def test_only_a_plain_file_is_opened(labels, tmp_path):
    path, sample, brief = labels
    assert check(path, sample, brief)[0].startswith("There is no")
    sound = tmp_path / "sound.csv"
    sound.write_text("id,y\n070,Yes\n071,No\n072,No\n073,No\n")
    path.symlink_to(sound)
    assert len(check(path, sample, brief)) == 1
    path.unlink()
    os.mkfifo(path)
    assert "not a plain file" in check(path, sample, brief)[0]
    path.unlink()
    path.mkdir()
    assert "not a plain file" in check(path, sample, brief)[0]


@pytest.mark.parametrize(
    ("competition", "cell", "problem"),
    [
        ((["0", "1"], "0.5", "Scored by AUC."), "1.2", "0..1"),
        ((["0", "1"], "0.5", "Scored by AUC."), "high", "finite"),
        ((["1.5", "2.5", "9"], "0", "Scored by RMSLE."), "-1", "negative"),
        ((["1.5", "2.5", "9"], "0", "Scored by RMSE."), "inf", "finite"),
        ((["a", "b", "c"], "a b", "Scored by MAP@2."), "a b c", "more than 2"),
        ((["a", "b", "c"], "a b", "Scored by MAP@2."), "a z", "no class"),
    ],
)
def test_answers_must_have_the_form(tmp_path, competition, cell, problem):
    path, sample, brief = make(tmp_path, *competition)
    sample.write_csv(path)
    assert check(path, sample, brief) == ()
    sample.with_columns(pl.Series("y", [cell, *sample["y"][1:]])).write_csv(path)
    assert problem in check(path, sample, brief)[0]


def test_shares_of_classes(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "train.csv").write_text("id,a,kind\n1,2,b\n2,3,a\n3,4,b\n4,4,b\n")
    (data / "test.csv").write_text("id,a\n5,1\n6,1\n")
    (data / "sample_submission.csv").write_text("id,p_b,p_a\n5,0.5,0.5\n6,0.5,0.5\n")
    brief, sample, truth = briefed(data)
    found = write_constant(tmp_path / "s.csv", sample=sample, truth=truth, brief=brief)
    assert found.rows() == [("5", "0.75", "0.25"), ("6", "0.75", "0.25")]
    assert check(tmp_path / "s.csv", sample, brief) == ()
