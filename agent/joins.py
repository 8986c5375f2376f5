"""Joins side tables to train and test by their keys: one row for a key as it is, several as counts and means.

The analysis and every solution join by these functions, so that a column means the same for both.
"""

from __future__ import annotations

import polars as pl


def plain_keys(names: list[str]) -> dict[str, pl.Expr]:
    """Keys as text that meets whatever the writing: without blanks around it, or the .0 of a whole number."""
    return {
        f"#key {place}": pl.col(name).cast(pl.String).str.strip_chars().str.replace(r"^([-+]?\d+)\.0+$", "$1")
        for place, name in enumerate(names)
    }


def bare_ids(names: list[str]) -> list[pl.Expr]:
    """Ids as they are however a number is written: 7, 7.0 and 007 are the same."""
    return [pl.col(name).str.strip_chars().str.replace(r"^0*(\d+)(?:\.0*)?$", "$1") for name in names]


def places_of(wanted: pl.DataFrame, ids: pl.DataFrame) -> pl.Series | None:
    """For each of the `wanted` ids its row in `ids`, both as text; None where not each has one of its own.

    The ids are compared as they are written, then as numbers.
    """
    names = ids.columns
    for plain in ([pl.col(name).str.strip_chars() for name in names], bare_ids(names)):
        known, asked = ids.select(plain), wanted.select(names).select(plain)
        if known.is_duplicated().any():
            continue
        numbered = known.with_row_index("#row")
        rows = asked.join(numbered, on=names, how="left", maintain_order="left", nulls_equal=True)["#row"]
        if rows.null_count() == 0:
            return rows
    return None


def one_each(cells: pl.LazyFrame, keys: list[str], columns: dict[str, str]) -> pl.LazyFrame:
    """The first row of each key: the plain keys, and `columns` by their names there -> names to give them."""
    named = {name: pl.col(column) for column, name in columns.items()}
    plain = plain_keys(keys)
    return cells.select(**plain, **named).unique(subset=list(plain), keep="first", maintain_order=True)


def summed_up(
    cells: pl.LazyFrame, keys: list[str], columns: dict[str, str], count: str, *, decimal_comma: bool
) -> pl.LazyFrame:
    """How many rows each key has, as `count`, and the means of the number `columns`."""
    plain = plain_keys(keys)
    numbers = {}
    for column, name in columns.items():
        words = pl.col(column).str.strip_chars()
        plainer = words.str.replace(",", ".", literal=True) if decimal_comma else words
        number = plainer.cast(pl.Float64, strict=False)
        numbers[name] = pl.when(number.is_finite()).then(number)
    means = [pl.col(name).mean() for name in numbers]
    return cells.select(**plain, **numbers).group_by(list(plain)).agg(pl.len().alias(count), *means)


def beside(frame: pl.DataFrame, keys: list[str], side: pl.LazyFrame) -> pl.DataFrame:
    """`frame` with the columns of `side` (of `one_each` or `summed_up`); null where a key is not in it."""
    plain = plain_keys(keys)
    with_keys = frame.lazy().with_columns(**plain)
    wide = with_keys.join(side, on=list(plain), how="left", maintain_order="left")
    return wide.drop(list(plain)).collect()
