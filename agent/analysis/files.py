"""Finds a competition's tables among its files: sample submission, train, test, and the description.

Names decide where they can (`gender_submission.csv` is a sample).  Among several tables for a role, or
none with a telling name, shapes decide: a sample has test's rows, and test lacks what the sample asks for.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from agent.analysis.tables import measure, sniff
from agent.brief import TableFile
from agent.errors import FilesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

Role: TypeAlias = Literal["sample", "train", "test"]

_ROLES: Final[tuple[Role, ...]] = ("train", "test", "sample")
_SPOKEN: Final[dict[Role, str]] = {
    "sample": "sample submission",
    "train": "train table",
    "test": "test table",
}
_TABLE_NAME: Final = re.compile(r"\.(csv|tsv|psv|txt|data)(\.gz|\.zip)?$", re.IGNORECASE)
_PROSE_NAME: Final = re.compile(
    r"\.(md|markdown|rst)$|(description|overview|evaluation|readme)[^/]*\.txt$", re.IGNORECASE
)
# In this order: "sample_submission_test.csv" is a sample, "train_sample.csv" a train table.
_ROLE_NAMES: Final[tuple[tuple[Role, re.Pattern[str]], ...]] = (
    ("sample", re.compile(r"submi", re.IGNORECASE)),
    ("train", re.compile(r"(?<![A-Za-z])(?i:train|learn)|Train|Learn")),
    ("test", re.compile(r"(?<![A-Za-z])(?i:test)|Test")),
    ("sample", re.compile(r"sample|benchmark|baseline|example", re.IGNORECASE)),
)
_DEPTH_MAX: Final = 3


class Trio(msgspec.Struct, frozen=True, kw_only=True):
    """The three tables that make a competition."""

    sample: TableFile
    train: TableFile
    test: TableFile


class CompetitionFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The tables of a competition, and the prose that came with them (None where there is none)."""

    train: TableFile
    test: TableFile
    sample: TableFile
    description: str | None


def find_files(data_dir: Path) -> CompetitionFiles:
    """The competition's files under `data_dir`, at most three folders deep; paths are relative to it.

    Raises FilesError: data_dir_missing; train_missing, test_missing, sample_missing (the message names the
    files that there are); table_unreadable, table_empty for a table that may be one of the three.
    """
    if not data_dir.is_dir():
        raise FilesError("data_dir_missing", f"There is no folder {data_dir}.")
    names = sorted(_walk(data_dir))
    by_name = candidates(names)
    tables: dict[str, TableFile] = {}
    for name in sorted(set(itertools.chain.from_iterable(by_name.values()))):
        try:
            tables[name] = _peek(data_dir, name)
        except FilesError:
            # A file whose name says nothing was only a guess: unread, it cannot be one of the three.
            if role_of(name) is not None:
                raise
    trio = best_trio(
        {role: [tables[name] for name in found if name in tables] for role, found in by_name.items()}
    )
    if isinstance(trio, str):
        there = ", ".join(names[:20]) + (", …" if len(names) > 20 else "") or "none"
        raise FilesError(f"{trio}_missing", f"No {_SPOKEN[trio]} is among the files: {there}.")
    return CompetitionFiles(
        train=trio.train,
        test=trio.test,
        sample=trio.sample,
        description=_description(data_dir, [name for name in names if _PROSE_NAME.search(name)]),
    )


def candidates(names: Sequence[str]) -> dict[Role, list[str]]:
    """The files that may play each role: those whose names say so, else those whose names say nothing."""
    said: dict[Role, list[str]] = {"sample": [], "train": [], "test": []}
    silent: list[str] = []
    for name in names:
        if _TABLE_NAME.search(name) and not _PROSE_NAME.search(name):
            role = role_of(name)
            (silent if role is None else said[role]).append(name)
    return {role: found or silent for role, found in said.items()}


def role_of(name: str) -> Role | None:
    """The role that a file's name gives it, if any."""
    stem = name.rpartition("/")[2].partition(".")[0]
    return next((role for role, pattern in _ROLE_NAMES if pattern.search(stem)), None)


def best_trio(tables: Mapping[Role, Sequence[TableFile]]) -> Trio | Role:
    """The three tables that fit each other best, or the role that none can play.

    They fit where what the sample asks for is in train and not in test, where sample and test have as many
    rows, and where train and test share many columns; then the plainest name counts.  A name is taken at
    its word even where nothing fits; a table whose name says nothing is not.
    """
    trios = [
        Trio(sample=sample, train=train, test=test)
        for sample, train, test in itertools.product(tables["sample"], tables["train"], tables["test"])
        if len({sample.path, train.path, test.path}) == 3
    ]
    if not trios:
        return min(_ROLES, key=lambda role: len(tables[role]))
    best = max(trios, key=_fit)
    chosen: dict[Role, TableFile] = {"train": best.train, "test": best.test, "sample": best.sample}
    guessed = [role for role in _ROLES if role_of(chosen[role].path) is None]
    answered, same_rows, *_ = _fit(best)
    return guessed[0] if guessed and not (answered and same_rows) else best


def _fit(trio: Trio) -> tuple[bool, bool, int, int]:
    """How well three tables go together, by the first difference."""
    train = {column.lower() for column in trio.train.columns}
    test = {column.lower() for column in trio.test.columns}
    asked = [column for column in trio.sample.columns if column.lower() not in test]
    answered = any(column.lower() in train for column in asked) or len(asked) > 1 or bool(train - test)
    plain = -sum(len(table.path) for table in (trio.sample, trio.train, trio.test))
    same_rows = trio.sample.rows == trio.test.rows
    return bool(asked) and answered and bool(train & test), same_rows, len(train & test), plain


def _walk(data_dir: Path) -> Iterator[str]:
    """The files under `data_dir` by relative path, hidden ones and __MACOSX left out."""
    for path in data_dir.rglob("*"):
        parts = path.relative_to(data_dir).parts
        hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
        if len(parts) <= _DEPTH_MAX and not hidden and path.is_file():
            yield path.relative_to(data_dir).as_posix()


def _peek(data_dir: Path, name: str) -> TableFile:
    dialect = sniff(data_dir / name)
    rows, columns = measure(data_dir / name, dialect)
    return TableFile(path=name, dialect=dialect, rows=rows, columns=columns)


def _description(data_dir: Path, names: Sequence[str]) -> str | None:
    """All prose in one markdown text, each file under its name; a lone file as it is."""
    texts = {name: (data_dir / name).read_text(encoding="utf-8", errors="replace") for name in names}
    if len(texts) < 2:
        return next(iter(texts.values()), None)
    return "\n\n".join(f"# {name.rpartition('.')[0]}\n\n{text}" for name, text in texts.items())
