"""Reads the cells of a table as the text that its files hold, packed or not, without holding all of it.

The analysis and every solution read by these functions, so that a row has the same number for both.
"""

from __future__ import annotations

import atexit
import gzip
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator  # noqa: TC003 - solution.py gets the imports as they stand here
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

import polars as pl


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file's bytes, unpacked; a path may lead on into a zip, as in `all.zip/train.csv`.

    Raises OSError and BadZipFile; ValueError for a zip that holds not one file.
    """
    with ExitStack() as open_files:
        if path.exists():
            raw: Any = open_files.enter_context(path.open("rb"))
        else:
            archive = next((parent for parent in path.parents if parent.is_file()), path)
            around = open_files.enter_context(zipfile.ZipFile(archive))
            raw = open_files.enter_context(around.open(path.relative_to(archive).as_posix()))
        if path.suffix.lower() == ".gz":
            raw = open_files.enter_context(gzip.open(raw))
        if path.suffix.lower() == ".zip":
            packed = open_files.enter_context(zipfile.ZipFile(raw))
            members = [member for member in packed.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise ValueError(f"{path.name} holds {len(members)} files, not one")
            raw = open_files.enter_context(packed.open(members[0]))
        yield raw


@cache
def plain_copy(path: Path, encoding: str) -> Path:
    """The file unpacked, its text as UTF-8 (without an `encoding` its bytes), gone with the process."""
    descriptor, name = tempfile.mkstemp()
    atexit.register(Path(name).unlink, missing_ok=True)
    with os.fdopen(descriptor, "wb") as copy, opened(path) as raw:
        if not encoding:
            shutil.copyfileobj(raw, copy)
            return Path(name)
        with (
            io.TextIOWrapper(raw, encoding=encoding, newline="") as text,
            io.TextIOWrapper(copy, encoding="utf-8", newline="") as plain,
        ):
            shutil.copyfileobj(text, plain)
    return Path(name)


def record_form(path: Path) -> str:
    """`parquet`, `lines` or `list` (of JSON objects) by a file's name; empty for a table of text."""
    bare = path.name.lower().removesuffix(".gz").removesuffix(".zip")
    forms = {".parquet": "parquet", ".pq": "parquet", ".jsonl": "lines", ".ndjson": "lines", ".json": "list"}
    return forms.get(Path(bare).suffix, "")


def scan_records(path: Path, form: str) -> pl.LazyFrame:
    """A file of typed records as text: lists as words parted by blanks, objects as JSON."""
    packed = not path.is_file() or path.suffix.lower() in {".zip", ".gz"}
    source = plain_copy(path, "") if packed else path
    if form == "parquet":
        records = pl.scan_parquet(source, glob=False)
    elif form == "lines":
        records = pl.scan_ndjson(source, infer_schema_length=None)
    else:
        records = pl.read_json(source, infer_schema_length=None).lazy()
    words = []
    for name, kind in records.collect_schema().items():
        column = pl.col(name)
        if kind == pl.Boolean:  # as pandas writes them, and so most submissions
            column = pl.when(column).then(pl.lit("True")).when(~column).then(pl.lit("False")).alias(name)
        elif isinstance(kind, pl.Struct):
            column = column.struct.json_encode()
        elif isinstance(kind, pl.List | pl.Array):
            column = column.cast(pl.List(pl.String)).list.join(" ", ignore_nulls=True)
        words.append(column.cast(pl.String))
    return records.select(words)


def scan_cells(paths: list[Path], delimiter: str, encoding: str) -> pl.LazyFrame:
    """All rows of the files, one after the other: every column String, empty cells null, no blank lines."""
    parts = []
    for path in paths:
        packed = not path.is_file() or path.suffix.lower() == ".zip" or not encoding.startswith("utf-8")
        if form := record_form(path):
            lines = scan_records(path, form)
        else:
            source = plain_copy(path, encoding) if packed else path
            lines = pl.scan_csv(source, separator=delimiter, infer_schema=False, glob=False)
        filled = lines.with_columns(pl.when(pl.all() != "").then(pl.all()).name.keep())
        parts.append(without_blank_lines(filled))
    names = parts[0].collect_schema().names()
    return pl.concat([part.select(names) for part in parts])


def without_blank_lines(cells: pl.LazyFrame) -> pl.LazyFrame:
    """A lone column may be empty; of several, a line without any cell is none.

    To look into all cells of wide tables takes seconds: it is done only where the first column has gaps.
    """
    first, *others = cells.collect_schema().names()
    if not others or cells.select(pl.col(first).null_count()).collect(engine="streaming").item() == 0:
        return cells
    return cells.filter(~pl.all_horizontal(pl.all().is_null()))


def read_cells(
    cells: pl.LazyFrame, *, columns: list[str] | None = None, rows: pl.Series | None = None
) -> pl.DataFrame:
    """The cells in memory, of all rows or of those numbered `rows` (from 0, rising), of some columns."""
    if rows is not None:
        cells = cells.with_row_index("#row").filter(pl.col("#row").is_in(rows.cast(pl.UInt32).implode()))
        cells = cells.drop("#row")
    return (cells if columns is None else cells.select(columns)).collect(engine="streaming")


def to_floats(words: pl.Series, *, decimal_comma: bool) -> pl.Series:
    """Text as Float64, null where it is no finite number.

    Marks between thousands, a currency before or after, and a percent sign are passed over: `$1,234.50`,
    `1 234`, `12%`; with `decimal_comma` also `1.234,5`.
    """
    if words.dtype.is_numeric():
        numbers = words.cast(pl.Float64)
        return numbers.set(~numbers.is_finite().fill_null(value=True), None)
    cells = words.str.strip_chars()
    if decimal_comma:
        grouped = cells.str.contains(r"^[-+]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?$").fill_null(value=False)
        cells = cells.zip_with(~grouped, cells.str.replace_all(".", "", literal=True))
        cells = cells.str.replace(",", ".", literal=True)
    numbers = cells.cast(pl.Float64, strict=False)
    left = numbers.is_null() & cells.is_not_null()
    if left.any():
        numbers = numbers.zip_with(~left, bare_numbers(cells).cast(pl.Float64, strict=False))
    return numbers.set(~numbers.is_finite().fill_null(value=True), None)


def bare_numbers(cells: pl.Series) -> pl.Series:
    """Numbers in plain notation, without thousands marks, currency and percent; other words as they are."""
    bare = (
        cells.str.replace("\u2212", "-", literal=True)
        .str.replace(r"^([-+]?)\s*[$\u20ac\u00a3\u00a5\u20b9]\s*", "$1")
        .str.replace(r"(\d)\s*[%$\u20ac\u00a3\u00a5\u20b9]$", "$1")
    )
    mark = r"[,'\u2019 \u00a0\u202f]"
    grouped = bare.str.contains(rf"^[-+]?[1-9]\d{{0,2}}(?:{mark}\d{{3}})+(?:\.\d*)?$").fill_null(value=False)
    return bare.zip_with(~grouped, bare.str.replace_all(mark, ""))
