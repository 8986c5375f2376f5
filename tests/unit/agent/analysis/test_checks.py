"""Leaks and drift that are there are found and said, and none where there is none."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from agent.analysis.checks import telling_order, too_good, twins
from agent.analysis.checks_drift import SECONDS_MIN, drift
from agent.analysis.competition import analyse
from agent.brief import Feature

ROWS = 600


def frame(seed, rows=ROWS):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "x": rng.normal(size=rows),
            "z": rng.normal(size=rows),
            "town": [f"t{place}" for place in rng.integers(0, 8, size=rows)],
            "when": [f"2020-{1 + n % 12:02}-{1 + n % 28:02}" for n in range(rows)],
        }
    )


def features(*more):
    kinds = {"x": "numeric", "z": "numeric", "town": "categorical", "when": "datetime"} | dict(more)
    return [Feature(name=name, kind=kind, missing_fraction=0, unique=9) for name, kind in kinds.items()]


TRAIN, TEST = frame(0), frame(1, 300)
NOISE = pl.Series("y", np.random.default_rng(2).normal(size=ROWS))
LABELS = pl.Series("y", [("no", "yes")[int(value > 0.4)] for value in NOISE])


def test_rows_of_test_in_train_are_counted():
    assert twins(TRAIN, TEST, features()).found is False
    told = twins(TRAIN, pl.concat([TEST, TRAIN.head(30)]), features())
    assert told.found is True
    assert "9.1% of test's rows" in told.says


def test_rows_that_repeat_by_chance_are_no_leak():
    coarse = [frame.select("town", pl.lit(1).alias("one")) for frame in (TRAIN, TEST)]
    kinds = [Feature(name=name, kind="categorical", missing_fraction=0, unique=8) for name in ("town", "one")]
    assert twins(*coarse, kinds).found is False


@pytest.mark.parametrize(("target", "classes"), [(NOISE, False), (LABELS, True)])
def test_a_column_that_holds_the_answer_is_named(target, classes):
    assert too_good(TRAIN, target, features(), classes=classes).found is False
    codes = target.replace_strict({"no": 3, "yes": 7}, return_dtype=pl.Int64) if classes else target * 3 + 1
    told = too_good(
        TRAIN.with_columns(codes.alias("paid")), target, features(("paid", "numeric")), classes=classes
    )
    assert told.found is True
    assert "paid (" in told.says


def test_a_strong_honest_column_is_no_leak():
    noisy = NOISE + pl.Series(np.random.default_rng(5).normal(scale=0.5, size=ROWS))
    train = TRAIN.with_columns(noisy.alias("hint"))
    assert too_good(train, NOISE, features(("hint", "numeric")), classes=False).found is False


def test_rows_sorted_by_class_or_ids_that_follow_the_target_are_said():
    shuffled = TRAIN.with_columns(pl.Series("id", np.random.default_rng(3).permutation(ROWS)))
    assert telling_order(shuffled, LABELS, "id", classes=True).found is False
    by_row = telling_order(shuffled, LABELS.sort(), "id", classes=True)
    assert by_row.found is True
    assert "the order of train's rows" in by_row.says
    by_id = telling_order(shuffled, shuffled["id"].cast(pl.Float64) + 0.5, "id", classes=False)
    assert by_id.found is True
    assert "the id id (" in by_id.says
    assert "order" not in by_id.says


def test_drift_names_the_columns_and_is_not_seen_where_there_is_none():
    same = drift(TRAIN, TEST, features(), seconds=60)
    assert same.found is False
    assert "none by itself" in same.says
    moved = TEST.with_columns(pl.col("z") + 2, pl.col("town").replace("t1", "t9"))
    told = drift(TRAIN, moved, features(), seconds=60)
    assert told.found is True
    assert "by columns: z (0.9" in told.says
    assert "x (" not in told.says


def test_two_columns_that_only_together_have_drifted_are_seen():
    rng = np.random.default_rng(7)
    x, z = rng.normal(size=4_000), rng.normal(size=4_000)
    train = pl.DataFrame({"x": x, "z": x + 0.2 * z})
    test = pl.DataFrame({"x": z, "z": 0.2 * x - z})
    told = drift(train, test, features()[:2], seconds=60)
    assert told.found is True
    assert "none by itself" in told.says


def test_without_time_a_check_says_that_it_was_not_made(tmp_path):
    assert "too few" in drift(TRAIN, TEST, features(), seconds=SECONDS_MIN / 2).says
    TRAIN.with_row_index("id").with_columns(NOISE).write_csv(tmp_path / "train.csv")
    TEST.with_row_index("id").write_csv(tmp_path / "test.csv")
    sample = TEST.with_row_index("id").select("id", pl.lit(0).alias("y"))
    sample.write_csv(tmp_path / "sample_submission.csv")
    brief = analyse(tmp_path, "c", progress=lambda *_: None, check_s=0.0)
    assert [check.found for check in brief.checks] == [None] * 4
    assert all("time was short" in check.says for check in brief.checks)
