"""Which rows of train a script may learn from, and which it is to predict, for each fold of the templates'.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import polars as pl

from agent.dates import date_format, parse_dates

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from agent.brief import Brief

    Rows = NDArray[np.int64]


class Fold(msgspec.Struct, frozen=True, kw_only=True):
    """A fold: rows of train by their number, both ascending."""

    number: int
    learn: Rows
    held: Rows


def folds_of(assigned: pl.DataFrame, brief: Brief, column: Callable[[str], pl.Series]) -> tuple[Fold, ...]:
    """The folds, those first that are to be used where not all can be: in time, the latest.

    `assigned` has ``row`` and ``fold`` of the templates' out-of-fold predictions; `column` gives one of
    train as text, all rows of it. Rows that it leaves out (more than the templates had time for, the
    earliest in time, unknown targets) are learnt from where that lets nothing through from a held-back row:
    forward in time, where they are earlier; not where rows of one group or one stretch must stay together.
    """
    numbers = sorted(assigned["fold"].unique().to_list())
    held = {
        number: np.sort(assigned.filter(pl.col("fold") == number)["row"].to_numpy()) for number in numbers
    }
    listed = np.sort(assigned["row"].to_numpy())
    scheme = brief.validation.scheme
    if scheme == "time" and brief.validation.column is not None:
        when = moments(column(brief.validation.column), decimal_comma=brief.train.dialect.decimal_comma)
        return tuple(
            Fold(number=number, learn=np.flatnonzero(when < when[rows].min()), held=rows)
            for number, rows in sorted(held.items(), reverse=True)
        )
    known = listed if scheme in {"group", "blocks"} else np.arange(brief.train.rows)
    return tuple(
        Fold(number=number, learn=np.setdiff1d(known, rows), held=rows) for number, rows in held.items()
    )


def moments(cells: pl.Series, *, decimal_comma: bool) -> NDArray[np.float64]:
    """Seconds of dates, numbers as they are, shape (n,); what is missing comes first."""
    words = cells.str.strip_chars()
    written = date_format(words)
    if written is not None:
        when = parse_dates(words, written).dt.epoch("s").cast(pl.Float64)
    else:
        plain = words.str.replace(",", ".", literal=True) if decimal_comma else words
        when = plain.cast(pl.Float64, strict=False)
    return when.fill_nan(None).fill_null(-np.inf).to_numpy()


def some_of(fold: Fold, answers: pl.Series, count: int, seed: int) -> Fold:
    """At most `count` rows of a fold to learn from and a third as many to predict, for a first try.

    `answers` are all rows' targets as text: of each of the rarer ones a few rows are among them.
    """
    rng = np.random.default_rng(seed)
    learn = rng.permutation(fold.learn)
    place = pl.DataFrame({"answer": answers[learn.tolist()]}).select(
        pl.int_range(pl.len()).over("answer").alias("place")
    )["place"]
    # A class of which there are too few to split is no fault of the script's.
    chosen = learn[np.argsort(np.where(place.to_numpy() < 10, 0, 1), kind="stable")][:count]
    held = rng.permutation(fold.held)[: max(1, count // 3)]
    return Fold(number=fold.number, learn=np.sort(chosen), held=np.sort(held))
