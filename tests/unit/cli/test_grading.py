from __future__ import annotations

import polars as pl
import pytest

from cli.competitions import BUNDLED
from cli.grading import grade
from podium.errors import PodiumError

BIKES = BUNDLED / "hourly-bike-rental-demand"
TITANIC = BUNDLED / "titanic-passenger-survival"


def test_the_answers_themselves_score_best_and_better_than_the_sample():
    bikes = grade(BIKES, (BIKES / "private" / "test.csv").read_bytes())
    assert (bikes.metric, bikes.maximize, bikes.score) == ("rmsle", False, 0)
    assert bikes.sample_score > 1
    titanic = grade(TITANIC, (TITANIC / "private" / "test.csv").read_bytes())
    assert (titanic.metric, titanic.maximize, titanic.score) == ("accuracy", True, 1)
    assert 0.5 < titanic.sample_score < 1


def test_rows_belong_together_by_their_id():
    answers = pl.read_csv(TITANIC / "private" / "test.csv")
    shuffled = answers.sample(fraction=1, shuffle=True, seed=1)
    assert shuffled["PassengerId"].to_list() != answers["PassengerId"].to_list()
    assert grade(TITANIC, shuffled.write_csv().encode()).score == 1


def test_other_rows_than_asked_for_are_refused():
    answers = pl.read_csv(TITANIC / "private" / "test.csv")
    for rows in (answers.head(10), pl.concat([answers, answers.head(1)])):
        with pytest.raises(PodiumError, match="rows"):
            grade(TITANIC, rows.write_csv().encode())
