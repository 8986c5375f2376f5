"""What stands, and what a new member makes of it: better alone, better in a mix, or nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from agent.search.outcome import scripts_of
from agent.search.standing import Member, Standing, alone, offer
from tests.integration.written import HEAD, wave
from tests.unit.agent.briefs import a_brief

if TYPE_CHECKING:
    from pathlib import Path

ROWS, FOLDS = 600, 4
CHANCE = np.random.default_rng(0)
FIRST, SECOND = CHANCE.normal(size=(2, ROWS))
TRUTH = pl.DataFrame({"y": FIRST + SECOND})
VALUE = a_brief(rows=ROWS, metric="rmse", task="regression", answer="value", classes=())


def member(number: int, values: np.ndarray, *, folds: int = FOLDS) -> Member:
    table = pl.DataFrame({"row": range(ROWS), "fold": [row % FOLDS for row in range(ROWS)], "y": values})
    kept = table.filter(pl.col("fold") < folds).with_columns(pl.col("y").cast(pl.String))
    submission = pl.DataFrame({"id": ["a", "b"], "y": [str(number), "1.0"]})
    return Member(number=number, name=f"m{number}", script="", out_of_fold=kept, submission=submission)


def test_two_that_know_different_halves_are_mixed() -> None:
    start = alone(member(0, FIRST), TRUTH, VALUE)
    made = offer(start, member(1, SECOND), TRUTH, VALUE, seed=0)
    assert made.gain.is_real
    assert [each.number for each in made.standing.members] == [0, 1]
    assert sum(made.standing.weights) == 1.0
    assert made.standing.score < 0.8 * start.score
    low, high = sorted(made.standing.weights)
    assert high - low < 0.2
    assert made.standing.submission["y"].to_list()[0] == made.standing.weights[1]


def test_one_that_knows_all_stands_alone() -> None:
    made = offer(alone(member(0, FIRST), TRUTH, VALUE), member(1, FIRST + SECOND), TRUTH, VALUE, seed=0)
    assert [each.number for each in made.standing.members] == [1]


def test_one_that_knows_nothing_gains_nothing() -> None:
    noise = member(1, CHANCE.normal(size=ROWS) * 3)
    assert not offer(alone(member(0, FIRST), TRUTH, VALUE), noise, TRUTH, VALUE, seed=0).gain.is_real


def test_fewer_folds_are_compared_with_the_same_folds() -> None:
    made = offer(
        alone(member(0, FIRST), TRUTH, VALUE), member(1, FIRST + SECOND, folds=2), TRUTH, VALUE, seed=0
    )
    assert made.gain.folds == len(made.standing.fold_scores) == 2


def test_labels_are_not_mixed() -> None:
    brief = a_brief(rows=ROWS, metric="accuracy")
    truth = pl.DataFrame({"y": ["yes" if value > 0 else "no" for value in FIRST]})

    def labels(number: int, wrong: int) -> Member:
        cells = [
            ("no" if cell == "yes" else "yes") if row % wrong == 0 else cell
            for row, cell in enumerate(truth["y"])
        ]
        table = pl.DataFrame({"row": range(ROWS), "fold": [row % 3 for row in range(ROWS)], "y": cells})
        return Member(number=number, name=f"m{number}", script="", out_of_fold=table)

    made = offer(alone(labels(0, 5), truth, brief), labels(1, 7), truth, brief, seed=0)
    assert [each.number for each in made.standing.members] == [1]


def test_the_script_of_a_mix_runs_its_members(tmp_path: Path) -> None:
    data = wave(tmp_path / "data")
    members = tuple(
        Member(
            number=number,
            name="m",
            script=f"{HEAD}write([{number}.0] * len(test))\n",
            out_of_fold=pl.DataFrame(),
        )
        for number in (1, 5)
    )
    standing = Standing(
        members=members, weights=(0.75, 0.25), out_of_fold=pl.DataFrame(), score=0.0, fold_scores={}
    )
    for name, content in scripts_of(standing).items():
        (tmp_path / name).write_bytes(content)
    command = [
        sys.executable,
        str(tmp_path / "solution.py"),
        "--data",
        str(data),
        "--output",
        str(tmp_path / "out"),
    ]
    subprocess.run(command, check=True)
    assert pl.read_csv(tmp_path / "out" / "submission.csv")["y"].unique().to_list() == [2.0]
