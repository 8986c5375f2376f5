"""Reads the tables of a competition: finds out how each was written down, and loads it as it was meant.

Competitions ship commas, semicolons and tabs, byte-order marks, old encodings and decimal commas.  A
`Dialect` is found once per file (`sniff`); every later read uses it, so that all readers agree.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import itertools
import re
import zipfile
import zlib
from typing import TYPE_CHECKING, Final

import polars as pl

from agent.brief import Dialect, TableFile
from agent.cells import opened, read_cells, scan_cells, to_floats
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
_POINT_NUMBER: Final = re.compile(r"[-+]?\d*\.(?!0*$)\d+")
_THOUSANDS: Final = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+")
_DIGIT: Final = re.compile(r"\d")
_CHUNK_BYTES: Final = 1 << 22
_NO_NUMBERS: Final = ("nan", "inf", "infinity")
_ODD_WORDS_MAX: Final = 2
_NUMBERS_MIN: Final = 20


def sniff(path: Path) -> Dialect:
    """How the table at `path` is written down; a lone column counts as comma-separated.

    Raises FilesError (table_unreadable) where the file is no text, (table_empty) where it holds nothing.
    """
    with reading(path):
        with opened(path) as raw:
            start = raw.read(4 * _HEAD_CHARS)
        encoding = _encoding(path, start)
    if b"\x00" in start[:4096] and encoding != "utf-16":
        raise FilesError("table_unreadable", f"{path.name} is not a text file.")
    # A cut inside a character is no error: the head only has to show the first rows.
    head = codecs.getincrementaldecoder(encoding)().decode(start)[:_HEAD_CHARS]
    if not head.strip():
        raise FilesError("table_empty", f"{path.name} is empty.")
    delimiter, rows = max(
        ((mark, _rows(head, mark)) for mark in DELIMITERS), key=lambda found: _regularity(found[1])
    )
    return Dialect(
        delimiter=delimiter, encoding=encoding, decimal_comma=_has_decimal_commas(rows[1:], delimiter)
    )


def scan(data_dir: Path, table: TableFile) -> pl.LazyFrame:
    """All cells of a table, as `agent.cells` has them: the files are read when a result is collected."""
    paths = [data_dir / path for path in (table.path, *table.parts)]
    return scan_cells(paths, table.dialect.delimiter, table.dialect.encoding)


def read_text(
    data_dir: Path,
    table: TableFile,
    *,
    columns: Sequence[str] | None = None,
    rows: pl.Series | None = None,
) -> pl.DataFrame:
    """The table's cells as the words that the files hold: a label NA stays the word NA.

    Of some `columns`, and of the `rows` with these numbers, where they are given.  Raises FilesError
    (table_unreadable) where the rows do not fit the header.
    """
    with reading(data_dir / table.path):
        return read_cells(
            scan(data_dir, table), columns=None if columns is None else list(columns), rows=rows
        )


def read_table(path: Path, dialect: Dialect, *, text: bool = False) -> pl.DataFrame:
    """The table at `path`, of shape (n_rows, n_columns), blank lines left out.

    With `text`, every column is String, and only an empty cell is null.  Without, columns are `typed`.
    Raises FilesError as `read_text` does.
    """
    table = TableFile(path=path.name, dialect=dialect, rows=0, columns=())
    frame = read_text(path.parent, table)
    return frame if text else frame.with_columns(typed(column, dialect) for column in frame)


def measure(path: Path, dialect: Dialect) -> tuple[int, tuple[str, ...]]:
    """How many rows `read_table` would give, and its columns, without holding the table in memory.

    Raises FilesError as `read_table` does.
    """
    with reading(path):
        cells = scan_cells([path], dialect.delimiter, dialect.encoding)
        rows = cells.select(pl.len()).collect(engine="streaming").item()
        return int(rows), tuple(cells.collect_schema().names())


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Says in our words what is wrong with a file."""
    try:
        yield
    except pl.exceptions.NoDataError as error:
        raise FilesError("table_empty", f"{path.name} is empty.") from error
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        first_line = str(error).partition("\n")[0]
        raise FilesError(
            "table_unreadable", f"{path.name} cannot be read as a table: {first_line}."
        ) from error
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile) as error:
        raise FilesError("table_unreadable", f"{path.name} cannot be opened: {error}.") from error


def plain_numbers(cells: pl.DataFrame, dialect: Dialect) -> dict[str, pl.Series]:
    """The columns of text that are plain numbers in every cell that is not null, as Int64 or Float64.

    What `typed_alike` would make of them too, but of all columns at once: of thousands it takes seconds.
    """
    words = cells.lazy().select(pl.col(pl.String).str.strip_chars())
    kinds = (pl.Int64,) if dialect.decimal_comma else (pl.Int64, pl.Float64)
    found: dict[str, pl.Series] = {}
    for kind in kinds:
        numbers = words.select(pl.all().cast(kind, strict=False)).collect()
        sound = numbers.select(pl.all().is_finite().all()) if kind == pl.Float64 else None
        for column in numbers:
            name = column.name
            whole = column.null_count() == cells[name].null_count() < cells.height
            if name not in found and whole and (sound is None or sound[name][0]):
                found[name] = column
    return found


def typed(column: pl.Series, dialect: Dialect) -> pl.Series:
    """A column of words as numbers or booleans where all its cells are such; any other column as it is."""
    return typed_alike([(column, dialect)])[0]


def typed_alike(parts: Sequence[tuple[pl.Series, Dialect]]) -> list[pl.Series]:
    """Parts of one column (of train and of test), each with how its table is written, as one type.

    Int64 or Float64 where all cells are numbers or blanks (`NUMBER_BLANKS`), or all but a word or two that
    stand for a missing one; Boolean where all are true or false; else String as written.  NaN and infinity
    become null: a file that says so has no number there.
    """
    if any(column.dtype != pl.String for column, _ in parts):
        return [to_floats(column, decimal_comma=False) for column, _ in parts]
    words = [column.str.strip_chars() for column, _ in parts]
    cells = [column.set(column.is_in(NUMBER_BLANKS), None) for column in words]
    if all(column.null_count() == column.len() for column in cells):
        return [column for column, _ in parts]
    commas = [dialect.decimal_comma for _, dialect in parts]
    if numbers := _as_numbers(cells, commas):
        return numbers
    lower = [column.str.to_lowercase() for column in words]
    if all(column.drop_nulls().is_in(["true", "false"]).all() for column in lower):
        return [column == "true" for column in lower]
    return [column for column, _ in parts]


def _as_numbers(cells: Sequence[pl.Series], commas: Sequence[bool]) -> list[pl.Series] | None:
    """The cells as numbers, or None where too many are none."""
    # Most columns of words show in their first cells that they are such.
    if any(
        _is_wordy(to_floats(part.drop_nulls().head(_HEAD_ROWS), decimal_comma=comma))
        for part, comma in zip(cells, commas, strict=True)
    ):
        return None
    whole = [part.cast(pl.Int64, strict=False) for part in cells]
    if all(numbers.null_count() == part.null_count() for numbers, part in zip(whole, cells, strict=True)):
        return whole
    floats = [to_floats(part, decimal_comma=comma) for part, comma in zip(cells, commas, strict=True)]
    odd: set[str] = set()
    for part, numbers in zip(cells, floats, strict=True):
        odd |= set(part.filter(numbers.is_null() & part.is_not_null()).unique().head(_HEAD_ROWS))
    odd -= {word for word in odd if word.lower().lstrip("+-") in _NO_NUMBERS}
    if not odd:
        return floats
    marks = len(odd) <= _ODD_WORDS_MAX and not any(_DIGIT.search(word) for word in odd)
    known = pl.concat(floats).drop_nulls()
    if marks and known.n_unique() > _NUMBERS_MIN and known.len() > sum(map(len, cells)) / 2:
        return floats
    return None


def _is_wordy(numbers: pl.Series) -> bool:
    return numbers.null_count() > numbers.len() / 2


def _encoding(path: Path, start: bytes) -> str:
    """The encoding of a text: by its byte-order mark, else the strictest that fits all of it."""
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-8", "cp1252"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with opened(path) as raw:
                while chunk := raw.read(_CHUNK_BYTES):
                    decoder.decode(chunk)
                decoder.decode(b"", final=True)
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
    """Whether numbers are written 1,5 - and not 1,500 for one thousand five hundred.

    Each column is asked by itself: one may hold both 1,5 and, for a thousand, 1.000.
    """
    says_yes = says_no = unsure = 0
    for column in zip(*(row for row in rows if len(row) == len(rows[0])), strict=True):
        cells = [cell.strip() for cell in column]
        commas = [cell for cell in cells if _COMMA_NUMBER.fullmatch(cell)]
        points = [cell for cell in cells if _POINT_NUMBER.fullmatch(cell)]
        if commas and not points:
            plain = all(_THOUSANDS.fullmatch(cell) for cell in commas)
            says_yes, unsure = says_yes + (not plain), unsure + plain
        says_no += bool(points) and not all(_THOUSANDS.fullmatch(cell.replace(".", ",")) for cell in points)
    # Beside a semicolon a comma is a decimal one, that is why the semicolon was taken: unless points are.
    return says_yes > says_no or (delimiter == ";" and bool(says_yes or unsure) and says_yes >= says_no)
