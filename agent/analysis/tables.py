"""Reads the tables of a competition: finds out how each was written down, and loads it as it was meant.

Competitions ship commas, semicolons and tabs, byte-order marks, old encodings and decimal commas.  A
`Dialect` is found once per file (`sniff`); every later read uses it, so that all readers agree.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import mmap
import re
import zipfile
from typing import TYPE_CHECKING, Final

import polars as pl

from agent.brief import Dialect
from agent.errors import FilesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

DELIMITERS: Final = (",", ";", "\t", "|")

NUMBER_BLANKS: Final = (
    *("", "?", "-", ".", "NA", "na", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "Null", "null"),
    *("None", "none"),
)
"""What stands for "no number" among numbers; among words each of these is a word like any other."""

_HEAD_CHARS: Final = 64 * 1024
_HEAD_ROWS: Final = 200
_COMMA_NUMBER: Final = re.compile(r"[-+]?\d+,\d+")
_POINT_NUMBER: Final = re.compile(r"[-+]?\d*\.\d+")
_THOUSANDS: Final = re.compile(r"[-+]?\d{1,3}(,\d{3})+")


def sniff(path: Path) -> Dialect:
    """How the table at `path` is written down; a lone column counts as comma-separated.

    Raises FilesError (table_unreadable) where the file is no text, (table_empty) where it holds nothing.
    """
    raw = _bytes(path)
    encoding = _encoding(raw)
    if b"\x00" in raw[:4096] and encoding != "utf-16":
        raise FilesError("table_unreadable", f"{path.name} is not a text file.")
    # A cut inside a character is no error: the head only has to show the first rows.
    head = codecs.getincrementaldecoder(encoding)().decode(raw[: 4 * _HEAD_CHARS])[:_HEAD_CHARS]
    if not head.strip():
        raise FilesError("table_empty", f"{path.name} is empty.")
    delimiter, rows = max(
        ((mark, _rows(head, mark)) for mark in DELIMITERS), key=lambda found: _regularity(found[1])
    )
    decimal_comma = delimiter != "," and _has_decimal_commas(rows[1:], delimiter)
    return Dialect(delimiter=delimiter, encoding=encoding, decimal_comma=decimal_comma)


def read_table(
    path: Path, dialect: Dialect, *, text: bool = False, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """The table at `path`, of shape (n_rows, n_columns), blank lines left out.

    With `text`, every column is String and holds what the file holds: a label NA stays the word NA, and
    only an empty cell is null.  Without, a column whose cells are all numbers or blanks (`NUMBER_BLANKS`)
    is Int64 or Float64 with nulls, true/false is Boolean, and all else is String as written.

    With `columns`, only those are kept in memory; a line is blank only where all of the table's are, so that
    rows stand at the same place whatever was picked.

    Raises FilesError (table_unreadable) where the rows do not fit the header.
    """
    with _readable(path):
        frame = _scan(path, dialect, text=text, columns=columns).collect(engine="streaming")
    return frame if text else frame.with_columns(typed(column, dialect) for column in frame)


def measure(path: Path, dialect: Dialect) -> tuple[int, tuple[str, ...]]:
    """How many rows `read_table` would give, and its columns, without holding the table in memory.

    Raises FilesError as `read_table` does.
    """
    with _readable(path):
        cells = _scan(path, dialect, text=True, columns=None)
        rows = cells.select(pl.len()).collect(engine="streaming").item()
        return int(rows), tuple(cells.collect_schema().names())


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Says in our words what Polars finds wrong with a file."""
    try:
        yield
    except pl.exceptions.NoDataError as error:
        raise FilesError("table_empty", f"{path.name} is empty.") from error
    except pl.exceptions.PolarsError as error:
        first_line = str(error).partition("\n")[0]
        raise FilesError(
            "table_unreadable", f"{path.name} cannot be read as a table: {first_line}."
        ) from error


def _scan(path: Path, dialect: Dialect, *, text: bool, columns: Sequence[str] | None) -> pl.LazyFrame:
    lines = pl.scan_csv(
        _source(path, dialect),
        separator=dialect.delimiter,
        decimal_comma=dialect.decimal_comma and not text,
        infer_schema=not text,
        infer_schema_length=None,
        glob=False,
    )
    strings = pl.col(pl.String)
    cells = lines.with_columns(pl.when(strings != "").then(strings))
    # To look for blank lines in hundreds of columns takes seconds.
    if _may_have_blank_lines(path, dialect) and len(cells.collect_schema()) > 1:
        cells = cells.filter(~pl.all_horizontal(pl.all().is_null()))
    return cells if columns is None else cells.select(columns)


def _may_have_blank_lines(path: Path, dialect: Dialect) -> bool:
    """Whether a line of the file, or of a cell of several lines, holds nothing but marks; yes if unknown."""
    if path.suffix in {".gz", ".zip"} or not dialect.encoding.startswith("utf-8"):
        return True
    marks = rb"[\r\"" + re.escape(dialect.delimiter.encode()) + rb"]"
    blank = re.compile(rb"\n" + marks + rb"*\n|\n" + marks + rb"+\Z")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        return blank.search(raw) is not None


def typed(column: pl.Series, dialect: Dialect) -> pl.Series:
    """A column of words as numbers or booleans where all its cells are such; any other column as it is.

    NaN and infinity become null: a file that says so has no number there.
    """
    if column.dtype.is_float():
        return column.set(~column.is_finite().fill_null(value=True), None)
    if column.dtype != pl.String:
        return column
    words = column.str.strip_chars()
    cells = words.set(words.is_in(NUMBER_BLANKS), None)
    if cells.null_count() == cells.len():
        return column
    if dialect.decimal_comma:
        cells = cells.str.replace(",", ".", literal=True)
    for dtype in (pl.Int64, pl.Float64):
        numbers = cells.cast(dtype, strict=False)
        if numbers.null_count() == cells.null_count():
            return typed(numbers, dialect)
    lower = words.str.to_lowercase()
    if lower.drop_nulls().is_in(["true", "false"]).all():
        return lower == "true"
    return column


def _bytes(path: Path) -> bytes:
    """The whole file, unpacked where it is packed (gzip, or a zip of a single file)."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as packed:
                return packed.read()
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                members = [member for member in archive.infolist() if not member.is_dir()]
                if len(members) != 1:
                    raise FilesError("table_unreadable", f"{path.name} holds {len(members)} files, not one.")
                return archive.read(members[0])
        return path.read_bytes()
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise FilesError("table_unreadable", f"{path.name} cannot be opened: {error}.") from error


def _source(path: Path, dialect: Dialect) -> Path | io.BytesIO:
    """What Polars reads: the file itself where it can, else the file's text as UTF-8."""
    if path.suffix not in {".gz", ".zip"} and dialect.encoding.startswith("utf-8"):
        return path
    try:
        return io.BytesIO(_bytes(path).decode(dialect.encoding).encode())
    except UnicodeDecodeError as error:
        raise FilesError("table_unreadable", f"{path.name} is not {dialect.encoding} text.") from error


def _encoding(raw: bytes) -> str:
    """The encoding of a text: by its byte-order mark, else the strictest that fits."""
    if raw.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-8", "cp1252"):
        try:
            raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def _rows(head: str, delimiter: str) -> list[list[str]]:
    """The first rows, split at `delimiter`; a last row that the cut may have halved is left out."""
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
    rows = list(itertools.islice((row for row in reader if row), _HEAD_ROWS))
    return rows[:-1] if len(rows) > 2 and len(head) == _HEAD_CHARS else rows


def _regularity(rows: list[list[str]]) -> tuple[float, int]:
    """How well a delimiter fits: the share of rows as wide as a header of two or more, then its width."""
    width = len(rows[0]) if rows else 0
    if width < 2:
        return 0.0, 0
    return sum(len(row) == width for row in rows) / len(rows), width


def _has_decimal_commas(rows: list[list[str]], delimiter: str) -> bool:
    """Whether numbers are written 1,5 - and not 1,500 for one thousand five hundred."""
    cells = [cell.strip() for row in rows for cell in row]
    commas = [cell for cell in cells if _COMMA_NUMBER.fullmatch(cell)]
    points = sum(1 for cell in cells if _POINT_NUMBER.fullmatch(cell))
    if len(commas) <= points:
        return False
    # Beside a semicolon a comma is a decimal one: that is why the semicolon was taken.
    return delimiter == ";" or not all(_THOUSANDS.fullmatch(cell) for cell in commas)
