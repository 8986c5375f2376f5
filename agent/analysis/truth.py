"""What an attempt knows for certain: the true targets of train, and the sample submission."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import polars as pl

from agent.analysis.loading import sample_text
from agent.analysis.sides import read_joined
from agent.analysis.tables import read_text, typed

if TYPE_CHECKING:
    from pathlib import Path

    from agent.brief import Brief


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The tables that everything a script leaves is held against.

    `sample` is the sample submission as text; `truth_text` train's target columns as text, every row of
    train; `truth` the same, with numbers as numbers where they are to be predicted.
    """

    sample: pl.DataFrame
    truth_text: pl.DataFrame
    truth: pl.DataFrame

    @property
    def least(self) -> float | None:
        """The least number among the targets; None where they are classes."""
        numbers = [column.min() for column in self.truth if column.dtype.is_numeric()]
        known = [float(number) for number in numbers if isinstance(number, int | float)]
        return min(known) if known else None


def read_known(data_dir: Path, brief: Brief) -> Known:
    """Read what is known from the competition's files.  Raises FilesError where they cannot be read."""
    columns = [target.train_column for target in brief.targets]
    text = read_joined(data_dir, brief.train, brief.sides, columns)
    numbers = text.with_columns(typed(column, brief.train.dialect) for column in text)
    return Known(
        sample=sample_text(data_dir, brief.sample, _ids(data_dir, brief), brief.test.rows),
        truth_text=text,
        truth=numbers if brief.task == "regression" else text,
    )


def _ids(data_dir: Path, brief: Brief) -> pl.DataFrame | None:
    """Test's ids as text, where a submission has to be made of them."""
    if brief.sample.path or not brief.id_in_test:
        return None
    name = brief.test_id_column or brief.id_column
    return read_text(data_dir, brief.test, columns=[name]).rename({name: brief.id_column})
