"""Tells a sample submission's columns apart: what names a row, what is asked, what is only carried along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import polars as pl

from agent.analysis.roles import by_plain_name

if TYPE_CHECKING:
    from collections.abc import Sequence


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of a submission by what they are for.

    `more_ids` are carried along as the sample has them; those of them that test has too name a row together
    with `id_column`, as a shop and a day do.
    """

    id_column: str
    more_ids: tuple[str, ...]
    asked: tuple[str, ...]


def entry_of(sample: pl.DataFrame, train: Sequence[str], test: pl.DataFrame) -> Entry:
    """What the columns of `sample` (text) are for, beside train's names and test's rows (text).

    A column that repeats test's own values is no answer; nor is one that nobody knows and that says the
    same word in every row, beside a column that train has the answers of.
    """
    keys = [name for name in sample.columns if name in test.columns and _repeats(sample[name], test[name])]
    first = sample.columns[0]
    foreign = first not in keys and by_plain_name(first, test.columns) is None
    is_answer = foreign and by_plain_name(first, train) is not None
    named = bool(keys) and not any(table.select(keys).is_duplicated().any() for table in (sample, test))
    id_column = keys[0] if keys and foreign and (is_answer or named) else first
    if foreign and named and not is_answer:
        keys.append(first)  # A number of its own, beside what names the row in test.
    others = [name for name in sample.columns if name != id_column]
    answers = [name for name in others if name in train and name not in test.columns]
    if answers:
        known = {*train, *test.columns}
        keys += [name for name in others if name not in known and _is_one_word(sample[name])]
        keys += [name for name in others if name in test.columns and _is_one_same(sample[name], test[name])]
    more = [name for name in others if name in keys]
    return Entry(
        id_column=id_column,
        more_ids=tuple(more),
        asked=tuple(name for name in others if name not in more),
    )


def _repeats(cells: pl.Series, own: pl.Series) -> bool:
    """Whether cells are test's own: several values, and no other than test has."""
    values = cells.str.strip_chars().unique()
    return values.len() > 1 and own.n_unique() > 1 and _plain(values).is_in(_plain(own).implode()).all()


def _is_one_same(cells: pl.Series, own: pl.Series) -> bool:
    return cells.n_unique() == 1 == own.n_unique() and cells[0] is not None and cells[0] == own[0]


def _is_one_word(cells: pl.Series) -> bool:
    one = cells.n_unique() == 1 and cells[0] is not None
    return one and cells.cast(pl.Float64, strict=False).null_count() > 0


def _plain(cells: pl.Series) -> pl.Series:
    return cells.str.strip_chars().str.replace(r"^([-+]?\d+)\.0+$", "$1")
