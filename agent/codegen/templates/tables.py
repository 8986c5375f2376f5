"""Reading the competition's files: cells as text, numbers as numbers, side tables joined by their keys."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from agent.cells import read_cells, scan_cells, to_floats
from agent.codegen.templates.config import Config, Side, Table
from agent.joins import beside, one_each, places_of, summed_up


@dataclass(frozen=True, kw_only=True)
class Tables:
    """What is learnt from and what is asked; `rows` numbers the rows of `train` in its file, from 0."""

    train: pl.DataFrame
    test: pl.DataFrame
    sample: pl.DataFrame
    rows: NDArray[np.int64]


def load(folder: Path, config: Config) -> Tables:
    """All tables.  Of train no more rows are held than are learnt from: which they are is chance, by seed."""
    rows = np.arange(config.train_rows, dtype=np.int64)
    if config.train_rows > config.rows_max:
        chance = np.random.default_rng(config.seed)
        rows = np.sort(chance.choice(config.train_rows, config.rows_max, replace=False))
    chosen = pl.Series(rows) if len(rows) < config.train_rows else None
    train = whole(folder, config.train, [(side, side.train) for side in config.sides], config, rows=chosen)
    of_test = [(side, side.test) for side in config.sides]
    test = whole(folder, config.test, of_test, config, names=config.test_names)
    if config.test_id_column and config.test_id_column in test.columns:
        test = test.rename({config.test_id_column: config.id_column})
    return Tables(train=train, test=test, sample=sample_of(folder, test, config), rows=rows)


def whole(
    folder: Path,
    table: Table,
    sides: list[tuple[Side, Table | None]],
    config: Config,
    *,
    rows: pl.Series | None = None,
    names: dict[str, str] | None = None,
) -> pl.DataFrame:
    """Train or test with its side tables, the columns that are used: numbers as Float64, all else as text."""
    used = {*config.numbers, *config.dates, *config.categories, *config.many_valued, *config.texts}
    as_text = {config.id_column, *config.more_ids, config.test_id_column}
    used |= {*as_text, *config.targets, *config.split_columns}
    keys = {key for side, _ in sides for key in side.keys}
    cells = scan(folder, table).rename(names or {})
    columns = [name for name in cells.collect_schema().names() if name in used | keys]
    frame = stripped(read_cells(cells, columns=columns, rows=rows))
    for side, further in sides:
        frame = with_side(folder, frame, side, further)
    plain = set(config.numbers) - {*config.many_valued, *config.categories, *config.texts, *config.dates}
    plain -= {*config.split_columns, *config.targets, *as_text}
    for name in [name for name in frame.columns if name in plain]:
        numbers = to_floats(frame[name], decimal_comma=table.decimal_comma)
        mark = config.missing_marks.get(name)
        frame = frame.with_columns(numbers if mark is None else numbers.set(numbers == mark, None))
    return frame


def with_side(folder: Path, frame: pl.DataFrame, side: Side, table: Table | None) -> pl.DataFrame:
    """A table with the columns of a side table beside its own."""
    if table is None:
        return frame
    ours, theirs, cells = list(side.keys), list(side.keys.values()), scan(folder, table)
    if side.count:
        comma = table.decimal_comma
        return beside(frame, ours, summed_up(cells, theirs, side.columns, side.count, decimal_comma=comma))
    return stripped(beside(frame, ours, one_each(cells, theirs, side.columns)))


def sample_of(folder: Path, test: pl.DataFrame, config: Config) -> pl.DataFrame:
    """The sample submission as it is written or, where there is none, one made of test's ids."""
    if config.sample.paths:
        return read_cells(scan(folder, config.sample))
    numbers = [str(row) for row in range(test.height)]
    ids = test[config.id_column].to_list() if config.ids_in_test else numbers
    return pl.DataFrame({config.id_column: ids} | dict.fromkeys(config.targets.values(), "0"))


def scan(folder: Path, table: Table) -> pl.LazyFrame:
    """A table's cells as text, of all its files."""
    return scan_cells([folder / path for path in table.paths], table.delimiter, table.encoding)


def stripped(frame: pl.DataFrame) -> pl.DataFrame:
    """The table without blanks around its words; what was all blank is null."""
    words = pl.col(pl.String).str.strip_chars()
    return frame.with_columns(pl.when(words != "").then(words).name.keep())


def to_numbers(cells: pl.Series, decimal_comma: bool) -> NDArray[np.float64]:
    """Text to numbers, shape (n,); what is no number is NaN."""
    return to_floats(cells, decimal_comma=decimal_comma).fill_null(np.nan).to_numpy().astype(np.float64)


def spelled_alike(labels: pl.Series, config: Config) -> pl.Series:
    """Labels with `1.0` and `1` made the same, and `true` and `1` where the classes are a yes and a no."""
    bare = labels.str.strip_chars().str.replace(r"^([-+]?\d+)\.0*$", "$1")
    if {label.lower() for label in config.classes} in ({"0", "1"}, {"true", "false"}):
        return bare.str.to_lowercase().replace({"true": "1", "false": "0"})
    return bare


def class_codes(cells: pl.Series, config: Config) -> NDArray[np.float64]:
    """Labels as positions in the list of classes, shape (n,); NaN where there is no known label."""
    names = spelled_alike(pl.Series(config.classes), config)
    order = {label: float(code) for code, label in enumerate(names)}
    codes = spelled_alike(cells, config).replace_strict(order, default=None, return_dtype=pl.Float64)
    return codes.fill_null(np.nan).to_numpy().astype(np.float64)


def submission_order(sample: pl.DataFrame, test: pl.DataFrame, config: Config) -> NDArray[np.int64]:
    """For each row of the sample submission, the row of test that it asks about."""
    keys = [config.id_column, *(name for name in config.more_ids if name in test.columns)]
    rows = places_of(sample, test.select(keys)) if config.ids_in_test else None
    if rows is not None:
        return rows.to_numpy().astype(np.int64)
    if sample.height != test.height:
        message = f"the sample submission has {sample.height} rows and test {test.height}, with different ids"
        raise SystemExit(message)
    return np.arange(test.height, dtype=np.int64)
