"""Columns are sorted into kinds, and what cannot help is dropped with its reason."""

from __future__ import annotations

import polars as pl

from agent.analysis.columns import missing_marks, sort_columns
from agent.brief import Feature

N = 40
WORDS = ["the quick brown fox", "jumps over", "a lazy dog today"]


def test_kinds_and_reasons():
    train = pl.DataFrame(
        {
            "id": range(N),
            "size": [i / 2 for i in range(N)],
            "colour": ["red", "blue"] * (N // 2),
            "note": [f"{WORDS[i % 3]} {i}" for i in range(N)],
            "month": ["Mar-2018", "Feb-2018"] * (N // 2),
            "seen": ["2016-10-15 22:49:18+00:00"] * N,
            "booked": [f"{1 + i % 12}/{13 + i % 9}/13 9:50" for i in range(N)],
            "flag": [True, False] * (N // 2),
            "mixed": [i % 3 for i in range(N)],
            "hash": [f"{i:08x}" for i in range(N)],
            "same": ["x"] * N,
            "casual": range(N),
            "gone": [None] * N,
            "y": range(N),
        }
    )
    test = train.drop("casual", "y").with_columns(mixed=pl.lit("n/k"), new=pl.lit(1))
    features, dropped = sort_columns(train, test, id_column="id", targets=["y"])
    assert {feature.name: feature.kind for feature in features} == {
        "size": "numeric",
        "colour": "categorical",
        "note": "text",
        "month": "datetime",
        "booked": "datetime",
        "flag": "boolean",
        "mixed": "categorical",
    }
    assert set(dropped) == {"id", "seen", "hash", "same", "casual", "gone", "new"}


def test_missing_and_unique_are_counted():
    train = pl.DataFrame({"id": range(4), "a": [1, None, 2, 2], "y": range(4)})
    (feature,), _ = sort_columns(train, train.drop("y"), id_column="id", targets=["y"])
    assert (feature.missing_fraction, feature.unique) == (0.25, 2)


def test_an_id_that_is_a_date_is_a_feature():
    train = pl.DataFrame({"when": [f"2011-01-{d:02} 05:00:00" for d in range(1, 29)], "y": range(28)})
    features, dropped = sort_columns(train, train.drop("y"), id_column="when", targets=["y"])
    assert [(feature.name, feature.kind) for feature in features] == [("when", "datetime")]
    assert dropped == {}


def test_a_number_far_below_all_others_that_repeats_is_a_mark_for_missing():
    train = pl.DataFrame(
        {
            "marked": [1.5, -999.0, 3.0, -999.0, 2.0, -999.0],
            "once": [1, -999, 3, 4, 5, 6],
            "real": [-999, -999, -999, -998, -500, 3],
            "words": ["-999"] * 6,
        }
    )
    kinds = {"marked": "numeric", "once": "numeric", "real": "numeric", "words": "categorical"}
    columns = [Feature(name=name, kind=kind, missing_fraction=0, unique=3) for name, kind in kinds.items()]
    assert missing_marks(train, columns) == {"marked": -999.0}
