"""The columns of a sample submission: keys of a row, answers, and what is only carried along."""

from __future__ import annotations

import polars as pl
import pytest

from agent.analysis.entry import entry_of

TEST = pl.DataFrame(
    {"shop": ["a", "a", "b"], "day": ["1", "2", "1"], "zone": ["n", "n", "n"], "x": ["4", "5", "6"]}
)
TRAIN = (*TEST.columns, "sold")


def sample(**columns):
    return pl.DataFrame(columns)


@pytest.mark.parametrize(
    ("given", "ids", "asked"),
    [
        (
            sample(shop=["b", "a", "a"], day=["1.0", "2", "1"], sold=["0", "0", "0"]),
            ("shop", "day"),
            ("sold",),
        ),
        (sample(row=["0", "1", "2"], sold=["0", "0", "0"]), ("row",), ("sold",)),
        (sample(sold=["0", "0", "0"], day=["1", "2", "1"], shop=["a", "a", "b"]), ("day", "shop"), ("sold",)),
        (sample(row=["0", "1", "2"], Usage=["Public"] * 3, sold=["0"] * 3), ("row", "Usage"), ("sold",)),
        (sample(row=["0", "1", "2"], zone=["n"] * 3, sold=["0"] * 3), ("row", "zone"), ("sold",)),
        (sample(row=["0", "1", "2"], x=["0"] * 3), ("row",), ("x",)),
        (sample(row=["0", "1", "2"], x=["6", "5", "4"], sold=["0"] * 3), ("x", "row"), ("sold",)),
        (sample(row=["0", "1", "2"], shop=["a", "b", "b"], sold=["0"] * 3), ("row", "shop"), ("sold",)),
        (sample(row=["0", "1", "2"], low=["0"] * 3, high=["0"] * 3), ("row",), ("low", "high")),
    ],
)
def test_each_column_has_its_part(given, ids, asked):
    entry = entry_of(given, TRAIN, TEST)
    assert (entry.id_column, *entry.more_ids) == ids
    assert entry.asked == asked
