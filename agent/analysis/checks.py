"""Looks for leakage without a model: rows of test in train, a column that is too good, an order that tells.

Pure functions over typed frames of at most some thousand rows.  What they find is reported, and nothing is
done about it: whether a leak may be used is for a person to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import polars as pl

from agent.brief import Check
from agent.dates import date_format, parse_dates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.brief import Feature

    Floats: TypeAlias = NDArray[np.float64]
    Codes: TypeAlias = NDArray[np.int64]

ROWS_MAX: Final = 20_000
CELLS_MAX: Final = 2_000_000
COLUMNS_MAX: Final = 400
_ROWS_MIN: Final = 60
_TWINS_SHARE: Final = 0.01
_TOO_GOOD: Final = 0.97
_TELLING: Final = 0.1
_BINS_MAX: Final = 32
_ROWS_PER_BIN: Final = 8


def twins(train: pl.DataFrame, test: pl.DataFrame, features: Sequence[Feature]) -> Check:
    """Rows of test that are, in every feature, rows of train; more than chance makes is a finding.

    What chance makes is shown by train itself: rows of few and coarse columns repeat.
    """
    name = "duplicate rows"
    names = [feature.name for feature in features]
    if len(names) < 2 or min(train.height, test.height) < _ROWS_MIN:
        return Check(name=name, found=None, says="Too few rows or columns to look for rows in both tables.")
    known = _hashes(train, names)
    asked = _hashes(test, names)
    share = asked.is_in(known.implode()).sum() / asked.len()
    by_chance = 1 - known.n_unique() / known.len()
    found = share > _TWINS_SHARE and share > 2 * by_chance
    among = "" if train.height <= known.len() else f" {known.len()} of"
    says = (
        f"{share:.1%} of test's rows are, but for the answer, among{among} train's rows; "
        f"{by_chance:.1%} of train's rows repeat each other."
    )
    return Check(name=name, found=found, says=says)


def too_good(train: pl.DataFrame, target: pl.Series, features: Sequence[Feature], *, classes: bool) -> Check:
    """Features that by themselves tell the target nearly without error, on rows not learnt from."""
    name = "a column that is too good"
    known = target.is_not_null()
    if known.sum() < _ROWS_MIN:
        return Check(name=name, found=None, says="Too few rows to tell.")
    rows, answers = train.filter(known), target.filter(known)
    foretold = Foretold(answers, classes=classes)
    told = {
        feature.name: foretold.skill(binned(rows[feature.name], feature))
        for feature in features[:COLUMNS_MAX]
        if feature.kind != "text"
    }
    best = sorted(told, key=lambda column: -told[column])[:3]
    suspects = [column for column in best if told[column] > _TOO_GOOD]
    if not best:
        return Check(name=name, found=None, says="There is no column to ask.")
    shown = ", ".join(f"{column} ({told[column]:.0%})" for column in suspects or best[:1])
    if suspects:
        return Check(
            name=name, found=True, says=f"Nearly all of the target is told by {shown} alone: a leak?"
        )
    return Check(
        name=name, found=False, says=f"No column alone tells the target; the most telling is {shown}."
    )


def telling_order(train: pl.DataFrame, target: pl.Series, id_column: str, *, classes: bool) -> Check:
    """Whether the place of a row in train, or its id, tells the target."""
    name = "order of rows and ids"
    known = target.is_not_null()
    answers = target.filter(known)
    if answers.len() < _ROWS_MIN:
        return Check(name=name, found=None, says="Too few rows to tell.")
    places = {"the order of train's rows": pl.int_range(train.height, eager=True).filter(known)}
    if id_column in train.columns and train[id_column].dtype.is_numeric():
        places[f"the id {id_column}"] = train[id_column].filter(known)
    foretold = Foretold(answers, classes=classes)
    told = {what: foretold.skill(quantile_bins(place)) for what, place in places.items()}
    found = {what: share for what, share in told.items() if share > _TELLING}
    if found:
        shown = " and ".join(f"{what} ({share:.0%})" for what, share in found.items())
        return Check(name=name, found=True, says=f"The target is in part told by {shown}: no model uses it.")
    says = (
        f"Neither {' nor '.join(told)} tells the target."
        if len(told) > 1
        else ("The order of train's rows does not tell the target.")
    )
    return Check(name=name, found=False, says=says)


class Foretold:
    """What is to be foretold of each row: learnt on one half of the rows, told on the other."""

    def __init__(self, target: pl.Series, *, classes: bool) -> None:
        self._half = np.random.default_rng(0).random(target.len()) < 0.5
        self._classes = classes
        order = target.cast(pl.String).rank("dense") if classes else target.cast(pl.Float64).rank()
        self._values = order.to_numpy().astype(np.float64)

    def skill(self, codes: Codes) -> float:
        """How much better than a constant the codes (n,) foretell the target.

        For numbers the share of their ranks' variance; for classes the share of a constant's errors that is
        avoided.  At most 1, below 0 where the codes mislead.
        """
        half, size = self._half, int(codes.max()) + 1
        learnt, told = codes[half], codes[~half]
        if not len(learnt) or not len(told):
            return 0.0
        if not self._classes:
            known, asked = self._values[half], self._values[~half]
            sums = np.bincount(learnt, weights=known, minlength=size)
            counts = np.bincount(learnt, minlength=size)
            means = np.divide(sums, counts, out=np.full(size, known.mean()), where=counts > 0)
            spread = float(((asked - known.mean()) ** 2).sum())
            return 1 - float(((asked - means[told]) ** 2).sum()) / spread if spread else 0.0
        labels = self._values.astype(np.int64) - 1
        kinds = int(labels.max()) + 1
        table = np.bincount(learnt * kinds + labels[half], minlength=size * kinds).reshape(size, kinds)
        usual = int(table.sum(axis=0).argmax())
        likeliest = np.where(table.sum(axis=1) > 0, table.argmax(axis=1), usual)
        missed = float((labels[~half] != usual).sum())
        return 1 - float((likeliest[told] != labels[~half]).sum()) / missed if missed else 0.0


def binned(column: pl.Series, feature: Feature) -> Codes:
    """A feature as whole numbers (n,): numbers and dates by quantiles, words as they are; 0 is missing."""
    if feature.kind in {"numeric", "datetime"}:
        return quantile_bins(as_number(column, feature))
    words = column.cast(pl.String)
    return (words.rank("dense").fill_null(0)).to_numpy().astype(np.int64)


def as_number(column: pl.Series, feature: Feature) -> pl.Series:
    """Numbers as they are, dates as seconds."""
    if feature.kind == "datetime" and column.dtype == pl.String:
        written = date_format(column)
        if written is None:
            return pl.Series(column.name, [None] * column.len(), dtype=pl.Float64)
        return parse_dates(column, written).dt.epoch("s").cast(pl.Float64)
    return column.cast(pl.Float64)


def quantile_bins(column: pl.Series) -> Codes:
    """Which of some equally filled bins each number is in, from 1; 0 where it is missing."""
    numbers = column.cast(pl.Float64).to_numpy()
    known = numbers[~np.isnan(numbers)]
    count = max(2, min(_BINS_MAX, len(known) // _ROWS_PER_BIN))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, count + 1)[1:-1])) if len(known) else np.empty(0)
    # A number that fills a bin has one to itself: it may stand for something.
    both = np.unique(np.concatenate([edges, np.nextafter(edges, np.inf)]))
    codes = np.searchsorted(both, numbers, side="right") + 1
    return np.where(np.isnan(numbers), 0, codes).astype(np.int64)


def _hashes(frame: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    """One number for the features of each row; train's and test's are of the same types."""
    words = [pl.col(name).cast(pl.String).fill_null("\0") for name in names]
    return frame.head(ROWS_MAX * 5).select(words).hash_rows(seed=0)
