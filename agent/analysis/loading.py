"""Brings a competition's tables into memory, of large ones some rows, with their side tables joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import polars as pl

from agent.analysis.entry import Entry, entry_of
from agent.analysis.roles import LABELS_MAX, by_plain_name, match_targets
from agent.analysis.sides import join_sides
from agent.analysis.tables import plain_numbers, read_text, reading, scan, typed, typed_alike
from agent.brief import SideTable, TableFile
from agent.errors import RolesError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agent.analysis.files import CompetitionFiles

CELLS_MAX: Final = 12_000_000
"""Of a table with more cells some rows are looked at: enough to know its columns by."""

_ROWS_MIN: Final = 20_000
_ROWS_MAX: Final = 500_000


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at: train and test typed; as text the sample, what may be a target, the ids.

    Of a large table these are `sampled` rows; the sample and the ids are whole.  `sample` is the file's, or
    what it would be, and `entry` what its columns are for.  `ids_text` are test's ids as they are written, a
    column for each part, None where test has none; `test_id_column` is what test calls the first, None where
    that is the sample's name, and `test_names` maps what else test calls otherwise to train's names.
    `labels` are all of a target's values where only some rows are looked at.
    """

    train: pl.DataFrame
    test: pl.DataFrame
    sample: TableFile
    sample_text: pl.DataFrame
    train_text: pl.DataFrame
    ids_text: pl.DataFrame | None
    entry: Entry
    test_id_column: str | None = None
    test_names: dict[str, str] = {}
    sides: tuple[SideTable, ...] = ()
    labels: dict[str, list[str]] = {}
    sampled: bool = False
    notes: tuple[str, ...] = ()

    @property
    def keys(self) -> list[str]:
        """The sample's columns by which its rows are found in test; its first alone where test has none."""
        return [self.entry.id_column] if self.ids_text is None else self.ids_text.columns


def load_tables(data_dir: Path, files: CompetitionFiles, *, cells_max: int = CELLS_MAX) -> Tables:
    """The tables of a competition.  Raises FilesError; RolesError (target_not_found)."""
    train = read_text(data_dir, files.train, rows=some_rows(files.train, cells_max))
    test = read_text(data_dir, files.test, rows=some_rows(files.test, cells_max))
    sample = files.sample if files.sample.path else _with_ids(files.sample, test)
    whole_sample = read_text(data_dir, sample) if sample.path else None
    entry = _entry(sample, whole_sample, train, test)
    id_column, asked = entry.id_column, entry.asked
    test_id = _test_id(id_column, test.columns)
    if test_id not in {None, id_column}:
        test = test.rename({str(test_id): id_column})
    test_names = _other_names(train.columns, test.columns, {id_column, *entry.more_ids, *asked})
    test = test.rename(test_names)
    joined = join_sides(data_dir, files.others, train, test, asked)
    names = _may_be_targets(joined.train.columns, joined.test.columns, id_column, asked)
    if not names:
        raise RolesError("target_not_found", "Train has no column that test lacks or the sample asks for.")
    whole_train, whole_test = _typed(joined.train, joined.test, files)
    sampled = train.height < files.train.rows
    ids = None
    if test_id is not None:
        parts = [test_id, *(name for name in entry.more_ids if name in files.test.columns)]
        ids = read_text(data_dir, files.test, columns=parts).rename({test_id: id_column})
    return Tables(
        train=whole_train,
        test=whole_test,
        sample=sample,
        sample_text=made_sample(sample, ids, files.test.rows) if whole_sample is None else whole_sample,
        entry=entry,
        train_text=joined.train.select(names),
        ids_text=ids,
        test_id_column=None if test_id == id_column else test_id,
        test_names=test_names,
        sides=joined.sides,
        labels=_labels(data_dir, files.train, names, train) if sampled else {},
        sampled=sampled,
        notes=joined.notes,
    )


def some_rows(table: TableFile, cells_max: int) -> pl.Series | None:
    """Which rows to look at: None for all, else numbers by chance, the same every time."""
    count = min(_ROWS_MAX, max(_ROWS_MIN, cells_max // max(1, len(table.columns))))
    if table.rows <= count:
        return None
    return pl.Series(np.sort(np.random.default_rng(0).choice(table.rows, count, replace=False)))


def sample_text(data_dir: Path, sample: TableFile, ids: pl.DataFrame | None, test_rows: int) -> pl.DataFrame:
    """The sample submission as text, or what it would be where there is none."""
    return read_text(data_dir, sample) if sample.path else made_sample(sample, ids, test_rows)


def made_sample(sample: TableFile, ids: pl.DataFrame | None, test_rows: int) -> pl.DataFrame:
    """A submission of test's ids (or row numbers) without answers."""
    id_column, *asked = sample.columns
    numbers = pl.int_range(test_rows, eager=True).cast(pl.String).alias(id_column)
    rows = numbers.to_frame() if ids is None else ids
    return rows.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in asked)


def _entry(sample: TableFile, whole: pl.DataFrame | None, train: pl.DataFrame, test: pl.DataFrame) -> Entry:
    """What the sample's columns are for; one that is not there has an id, and asks for all else."""
    if whole is None:
        id_column, *asked = sample.columns
        return Entry(id_column=id_column, more_ids=(), asked=tuple(asked))
    return entry_of(whole, train.columns, test)


def _with_ids(sample: TableFile, test: pl.DataFrame) -> TableFile:
    """A sample that is not there, with a column of test for its ids, or row numbers where none can be."""
    id_column, *asked = sample.columns
    free = next((name for name in ("id", "row_id", "row number") if name not in test.columns), "#")
    if id_column not in test.columns:
        return sample
    for name in (id_column, test.columns[0]):
        if test[name].n_unique() == test.height:
            return msgspec.structs.replace(sample, columns=(name, *asked))
    return msgspec.structs.replace(sample, columns=(free, *asked))


def _other_names(train: Sequence[str], test: Sequence[str], taken: set[str]) -> dict[str, str]:
    """Test's names that are train's but for case, blanks and marks -> train's; none that is `taken`."""
    found: dict[str, str] = {}
    for theirs in test:
        ours = None if theirs in train or theirs in taken else by_plain_name(theirs, train)
        if ours is not None and ours not in {*test, *taken, *found.values()}:
            found[theirs] = ours
    return found


def _test_id(id_column: str, test: Sequence[str]) -> str | None:
    """What test calls the ids: the sample's name, or nearly that."""
    return id_column if id_column in test else by_plain_name(id_column, test)


def _may_be_targets(
    train: Sequence[str], test: Sequence[str], id_column: str, asked: Sequence[str]
) -> list[str]:
    matched = match_targets(asked, train, test) or ()
    unknown = [name for name in train if name not in test and name != id_column]
    return list(dict.fromkeys([*(target.train_column for target in matched), *unknown]))


def _typed(
    train: pl.DataFrame, test: pl.DataFrame, files: CompetitionFiles
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both tables with their columns typed, those of the same name alike."""
    known: dict[str, pl.Series] = {}
    of_test: dict[str, pl.Series] = {}
    ours, theirs = plain_numbers(train, files.train.dialect), plain_numbers(test, files.test.dialect)
    for name in train.columns:
        if name not in test.columns:
            known[name] = typed(train[name], files.train.dialect)
        elif name in ours and name in theirs:
            whole = ours[name].dtype == theirs[name].dtype
            known[name], of_test[name] = (
                numbers[name] if whole else numbers[name].cast(pl.Float64) for numbers in (ours, theirs)
            )
        else:
            known[name], of_test[name] = typed_alike(
                [(train[name], files.train.dialect), (test[name], files.test.dialect)]
            )
    for name in test.columns:
        if name not in of_test:
            of_test[name] = typed(test[name], files.test.dialect)
    # By name: of a list of columns one without a name would be given one.
    return pl.DataFrame({name: known[name] for name in train.columns}), pl.DataFrame(
        {name: of_test[name] for name in test.columns}
    )


def _labels(
    data_dir: Path, table: TableFile, names: Sequence[str], looked_at: pl.DataFrame
) -> dict[str, list[str]]:
    """All values of those columns that have few in the rows looked at."""
    few = [name for name in names if name in table.columns and looked_at[name].n_unique() <= LABELS_MAX]
    with reading(data_dir / table.path):
        cells = scan(data_dir, table)
        return {
            name: cells.select(pl.col(name).drop_nulls().unique()).collect(engine="streaming")[name].to_list()
            for name in few
        }
