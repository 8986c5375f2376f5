"""The folder that a script is shown holds no answer that it is to predict."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from msgspec import structs

from agent.analysis.tables import read_table
from agent.brief import Dialect
from agent.search.folds import Fold
from agent.search.views import Views
from tests.unit.agent.briefs import a_brief

if TYPE_CHECKING:
    from pathlib import Path

    from agent.brief import Brief

FOLD = Fold(number=1, learn=np.array([0, 2]), held=np.array([1, 3]))
DIALECT = Dialect(delimiter=";", encoding="utf-16", decimal_comma=True)


def competition(tmp_path: Path, **changes: Any) -> tuple[Views, Brief]:
    """Four rows to learn from in an odd dialect, packed, with a leak and a side table."""
    data = tmp_path / "data"
    data.mkdir()
    rows = ["id;x;later;y", '7;"1,5";a;0', '8;"2;5";b;1', "9;3,5;c;0", "10;;d;1"]
    (data / "train.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode("utf-16")))
    (data / "test.csv").write_text("id,x,new\n1,2.5,z\n")
    (data / "sample_submission.csv").write_text("id,y\n1,0.5\n")
    (data / "truth.csv").write_text("id,y\n1,0\n8,1\n")
    (data / "shops.csv").write_text("shop,town\n1,Ulm\n")
    (data / "more.zip").write_bytes(b"PK")
    (data / "description.md").write_text("# Made up")
    brief = a_brief(rows=4, **changes)
    train = structs.replace(
        brief.train, path="train.csv.gz", dialect=DIALECT, columns=("id", "x", "later", "y")
    )
    test = structs.replace(brief.test, columns=("id", "x", "new"))
    brief = structs.replace(brief, train=train, test=test)
    sample = pl.DataFrame({"id": ["1"], "y": ["0.5"]})
    return Views(data, tmp_path / "work", brief, sample), brief


def test_train_lacks_the_held_back_rows_and_test_the_answers(tmp_path: Path) -> None:
    views, brief = competition(tmp_path)
    with views.of_fold(FOLD) as view:
        names = sorted(path.name for path in view.folder.iterdir())
        train = read_table(view.folder / "train.csv.gz", DIALECT, text=True)
        test = read_table(view.folder / "test.csv", brief.test.dialect, text=True)
        sample = read_table(view.folder / "sample_submission.csv", brief.sample.dialect, text=True)
        raw = b"".join(path.read_bytes() for path in view.folder.iterdir())
        assert [path.name for path in view.linked] == ["description.md", "shops.csv"]
    assert names == ["description.md", "sample_submission.csv", "shops.csv", "test.csv", "train.csv.gz"]
    assert train.rows() == [("7", "1,5", "a", "0"), ("9", "3,5", "c", "0")]
    assert test.rows() == [("8", "2;5", None), ("10", None, None)]
    assert sample.rows() == [("8", "0.5"), ("10", "0.5")]
    assert b"later" not in raw  # but packed in train
    assert not view.folder.exists()


def test_the_true_folder_is_made_of_links(tmp_path: Path) -> None:
    views, _ = competition(tmp_path)
    with views.true() as view:
        assert all(path.is_symlink() for path in view.folder.iterdir())
        assert not (view.folder / "truth.csv").exists()
        assert (view.folder / "test.csv").read_text() == "id,x,new\n1,2.5,z\n"


@pytest.mark.parametrize("name", ["key", "x"])
def test_rows_without_ids_of_their_own_get_numbers(tmp_path: Path, name: str) -> None:
    """`x` has a gap, and there is no `key` at all."""
    views, brief = competition(tmp_path)
    views = Views(
        tmp_path / "data",
        tmp_path / "work",
        structs.replace(brief, id_column=name),
        pl.DataFrame({name: ["41"], "y": ["0.5"]}),
    )
    with views.of_fold(FOLD) as view:
        assert view.sample[name].to_list() == ["41", "42"]
