"""The folders of files that a script is shown: a fold's, with the answers withheld, or the true one.

A script that is being judged sees no row's answer that it is to predict: train holds the other rows, test the
held-back ones without what only train has.  Everything else is a link to the competition's own file, but
tables that hold a target too, and archives, which nobody has looked into, are in no folder.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import polars as pl

from agent.analysis.tables import read_text, sniff
from agent.errors import FilesError
from agent.scratch import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from agent.brief import Brief, Dialect, TableFile
    from agent.search.folds import Fold, Rows

_OTHERS_MAX: Final = 50
_PROSE: Final = frozenset({".md", ".markdown", ".rst"})
_TABLES: Final = frozenset({".csv", ".tsv", ".psv", ".txt", ".data", ".gz"})


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of files for a script, where its links lead, and the sample submission in it."""

    folder: Path
    linked: tuple[Path, ...]
    sample: pl.DataFrame


class Views:
    """Makes the folders, one at a time; of train only the rows are held that are being written."""

    def __init__(self, data_dir: Path, work_dir: Path, brief: Brief, sample: pl.DataFrame) -> None:
        self._data = data_dir
        self._work = work_dir
        self._brief = brief
        self._sample = sample
        own = {brief.train.path, brief.test.path, brief.sample.path}
        names = {target.train_column for target in brief.targets}
        others = [path for path in sorted(data_dir.rglob("*")) if path.is_file()]
        shown = (
            path
            for path in others
            if path.relative_to(data_dir).as_posix() not in own and _may_be_shown(path, names)
        )
        self.others = tuple(itertools.islice(shown, _OTHERS_MAX))

    @property
    def other_names(self) -> tuple[str, ...]:
        """The further files in every folder, relative to it."""
        return tuple(path.relative_to(self._data).as_posix() for path in self.others)

    def columns(self, names: list[str]) -> pl.DataFrame:
        """Some columns of train as text, with all rows."""
        return read_text(self._data, self._brief.train, columns=names)

    def true(self) -> AbstractContextManager[View]:
        """The competition's own files."""
        return self._folder({}, self._sample)

    def of_fold(self, fold: Fold) -> AbstractContextManager[View]:
        """Train without the held-back rows, and these as test."""
        brief = self._brief
        held = self._train_rows(fold.held)
        known = held.with_columns(self._ids(held))
        blank = pl.lit(None, dtype=pl.String)
        test = known.select(
            pl.col(name) if name in known.columns else blank.alias(name) for name in brief.test.columns
        )
        answers = self._sample.drop(brief.id_column).head(1)
        sample = known.select(pl.col(self._test_id).alias(brief.id_column)).join(answers, how="cross")
        tables = {
            brief.train.path: (brief.train, lambda: self._train_rows(fold.learn)),
            brief.test.path: (brief.test, lambda: test),
            brief.sample.path: (brief.sample, lambda: sample),
        }
        return self._folder(tables, sample)

    def _train_rows(self, rows: Rows) -> pl.DataFrame:
        return read_text(self._data, self._brief.train, rows=pl.Series(rows))

    @property
    def _test_id(self) -> str:
        return self._brief.test_id_column or self._brief.id_column

    def _ids(self, held: pl.DataFrame) -> pl.Series:
        """The held-back rows' own ids; running numbers where train has none, or not each once."""
        for name in (self._test_id, self._brief.id_column):
            if name in held.columns and held[name].null_count() == 0 and held[name].is_unique().all():
                return held[name].rename(self._test_id)
        first = str(self._sample[self._brief.id_column][0])
        start = int(first) if first.isdigit() else 0
        return pl.Series(self._test_id, [str(start + place) for place in range(held.height)])

    @contextmanager
    def _folder(
        self, tables: dict[str, tuple[TableFile, Callable[[], pl.DataFrame]]], sample: pl.DataFrame
    ) -> Iterator[View]:
        brief = self._brief
        folder = self._work / "view"
        if folder.exists():
            remove_tree(folder)
        folder.mkdir(parents=True)
        own = [self._data / file.path for file in (brief.train, brief.test, brief.sample)]
        linked = [*self.others, *(() if tables else own)]
        try:
            for path in linked:
                place = folder / path.relative_to(self._data)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(path.resolve())
            for name, (file, frame) in tables.items():
                place = folder / name
                place.parent.mkdir(parents=True, exist_ok=True)
                write_as(place, file.dialect, frame())
            yield View(folder=folder, linked=tuple(path.resolve() for path in linked), sample=sample)
        finally:
            remove_tree(folder)


def write_as(path: Path, dialect: Dialect, frame: pl.DataFrame) -> None:
    """Write a table of text as its original is written: delimiter, encoding, packed or not."""
    if dialect.encoding == "utf-8" and path.suffix not in {".gz", ".zip"}:
        frame.write_csv(path, separator=dialect.delimiter)
        return
    raw = frame.write_csv(separator=dialect.delimiter).encode(dialect.encoding)
    if path.suffix == ".gz":
        raw = gzip.compress(raw, mtime=0)
    elif path.suffix == ".zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.stem, raw)
        raw = packed.getvalue()
    path.write_bytes(raw)


def _may_be_shown(path: Path, targets: set[str]) -> bool:
    """Whether a further file may lie beside a fold: prose, or a table without a target."""
    if path.suffix.lower() in _PROSE:
        return True
    if path.suffix.lower() not in _TABLES:
        return False
    try:
        dialect = sniff(path)
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding=dialect.encoding, newline="") as file:
            head = next(csv.reader(file, delimiter=dialect.delimiter), [])
    except (FilesError, OSError, UnicodeError, csv.Error):
        return False
    return targets.isdisjoint(cell.strip() for cell in head)
