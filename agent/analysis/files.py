"""Finds a competition's tables among its files: sample submission, train, test, and the description.

Names decide where they can (`gender_submission.csv` is a sample).  Among several tables for a role, or
none with a telling name, shapes decide: a sample has test's rows, and test lacks what the sample asks for.
"""

from __future__ import annotations

import itertools
import re
import zipfile
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from agent.analysis.tables import measure, sniff
from agent.brief import Dialect, TableFile
from agent.cells import opened, record_form
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
_TABLE_NAME: Final = re.compile(
    r"\.(csv|tsv|psv|txt|data|tab|dat|parquet|pq|jsonl|ndjson)(\.gz|\.zip)?$|"
    r"(train|test|submission)[^/.]*(\.json(\.gz)?)?\.zip$|(train|test|submission)[^/.]*\.json(\.gz)?$",
    re.IGNORECASE,
)
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
_MEMBERS_MAX: Final = 200
_PROSE_BYTES_MAX: Final = 2_000_000
_NUMBERED: Final = re.compile(
    r"[\d_\-. ()]+|(?<=[\d_\-. ])(part|fold|chunk)|(part|fold|chunk)(?=[\d_\-. ])", re.IGNORECASE
)
_ID_NAME: Final = re.compile(r"(^|[_\s])(id|key|uuid|index|no|nr)$|(?<=[a-z])I[dD]$|^id|#$", re.IGNORECASE)


class Trio(msgspec.Struct, frozen=True, kw_only=True):
    """The three tables that make a competition."""

    sample: TableFile
    train: TableFile
    test: TableFile


class CompetitionFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The tables of a competition, and the prose that came with them (None where there is none).

    A `sample` without a path is none: its columns are what it would have.  `others` may be side tables.
    """

    train: TableFile
    test: TableFile
    sample: TableFile
    description: str | None
    others: tuple[TableFile, ...] = ()


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
    for name in names:
        if not _is_table(name):
            continue
        try:
            tables[name] = _peek(data_dir, name)
        except FilesError:
            # A file whose name says nothing was only a guess: unread, it cannot be one of the three.
            if role_of(name) is not None:
                raise
    whole = put_together(list(tables.values()))
    by_role = {role: [whole[name] for name in found if name in whole] for role, found in by_name.items()}
    description = _description(data_dir, [name for name in names if _PROSE_NAME.search(name)])
    trio = best_trio(by_role)
    if isinstance(trio, str) and not any(role_of(name) == "sample" for name in whole):
        trio = without_sample(by_role, description or "") or trio
    if isinstance(trio, str):
        there = ", ".join(names[:20]) + (", …" if len(names) > 20 else "") or "none"
        raise FilesError(f"{trio}_missing", f"No {_SPOKEN[trio]} is among the files: {there}.")
    trio = with_features(trio, by_role["train"])
    if trio.sample.rows == 0:  # A header alone says which columns are wanted; the rows are test's.
        empty = msgspec.structs.replace(trio.sample, path="", rows=trio.test.rows)
        trio = msgspec.structs.replace(trio, sample=empty)
    chosen = {trio.train.path, trio.test.path, trio.sample.path}
    return CompetitionFiles(
        train=trio.train,
        test=trio.test,
        sample=trio.sample,
        description=description,
        others=tuple(table for table in whole.values() if table.path not in chosen),
    )


def put_together(tables: Sequence[TableFile]) -> dict[str, TableFile]:
    """The tables by path, with those as one that are parts of train or of test by their names and columns."""
    parts: dict[tuple[object, ...], list[TableFile]] = {}
    for table in tables:
        role = role_of(table.path)
        alike = (role, _NUMBERED.sub("", table.path), table.columns, table.dialect)
        parts.setdefault(alike if role in {"train", "test"} else (table.path,), []).append(table)
    return {
        same[0].path: msgspec.structs.replace(
            same[0],
            rows=sum(table.rows for table in same),
            parts=tuple(table.path for table in same[1:]),
        )
        for same in (sorted(each, key=lambda table: natural(table.path)) for each in parts.values())
    }


def natural(path: str) -> list[tuple[bool, int, str]]:
    """A key that sorts part 10 behind part 9."""
    pieces = re.split(r"(\d+)", path)
    return [(piece.isdigit(), int(piece) if piece.isdigit() else 0, piece) for piece in pieces]


def without_sample(tables: Mapping[Role, Sequence[TableFile]], description: str) -> Trio | None:
    """Train and test by their names or, where these say nothing, by test's columns being among train's.

    The sample is what one would be: test's ids, and the column that train has beyond test, of several that
    which the description names or whose name says that it is the target, else the last.
    """
    pairs = [
        (train, test)
        for train, test in itertools.product(tables["train"], tables["test"])
        if train.path != test.path and set(train.columns) > set(test.columns) & set(train.columns) != set()
    ]
    named = [pair for pair in pairs if all(role_of(table.path) for table in pair)]
    pairs = named or [(train, test) for train, test in pairs if set(train.columns) > set(test.columns)]
    if not pairs:
        return None
    train, test = max(pairs, key=lambda pair: len(set(pair[0].columns) & set(pair[1].columns)))
    unknown = [name for name in train.columns if name not in test.columns]
    target = next(
        itertools.chain(
            (name for name in unknown if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", description)),
            (name for name in unknown if name.lower() in {"target", "label", "y", "class"}),
            unknown[::-1],
        )
    )
    ids = sorted(filter(_ID_NAME.search, test.columns), key=lambda name: name.lower() != "id")
    id_column = next(iter(ids), test.columns[0])
    sample = TableFile(path="", dialect=test.dialect, rows=test.rows, columns=(id_column, target))
    return Trio(sample=sample, train=train, test=test)


def with_features(trio: Trio, trains: Sequence[TableFile]) -> Trio:
    """The trio with the train table that has test's columns, where the one taken has little but labels."""

    def shared(table: TableFile, with_: TableFile) -> int:
        return len({name.lower() for name in table.columns} & {name.lower() for name in with_.columns})

    taken = {trio.test.path, trio.sample.path}
    better = [
        table
        for table in trains
        if table.path not in taken
        and shared(table, trio.test) > shared(trio.train, trio.test)
        and shared(table, trio.train)
    ]
    if not better:
        return trio
    widest = max(better, key=lambda table: (shared(table, trio.test), -len(table.path)))
    return msgspec.structs.replace(trio, train=widest)


def candidates(names: Sequence[str]) -> dict[Role, list[str]]:
    """The files that may play each role: those whose names say so, else those whose names say nothing."""
    said: dict[Role, list[str]] = {"sample": [], "train": [], "test": []}
    silent: list[str] = []
    for name in names:
        if _is_table(name):
            role = role_of(name)
            (silent if role is None else said[role]).append(name)
    return {role: found or silent for role, found in said.items()}


def role_of(name: str) -> Role | None:
    """The role that a file's name gives it, or that of the folder or archive that holds it, if any."""
    *above, last = (part.partition(".")[0] for part in name.split("/"))
    said = next((role for role, pattern in _ROLE_NAMES if pattern.search(last)), None)
    if said is not None:
        return said
    spoken = ((role, pattern) for role, pattern in _ROLE_NAMES if role != "sample")
    return next((role for role, pattern in spoken if any(map(pattern.search, above))), None)


def _is_table(name: str) -> bool:
    return bool(_TABLE_NAME.search(name)) and not _PROSE_NAME.search(name)


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
    """The files under `data_dir` by relative path, those in zips too; hidden ones and __MACOSX left out."""
    for path in data_dir.rglob("*"):
        name = path.relative_to(data_dir)
        if len(name.parts) > _DEPTH_MAX or _is_hidden(name.parts) or not path.is_file():
            continue
        inner = _members(path) if path.suffix.lower() == ".zip" else ()
        if inner:
            yield from (f"{name.as_posix()}/{member}" for member in inner)
        else:
            yield name.as_posix()


def _members(path: Path) -> tuple[str, ...]:
    """The files in a zip, where its own name is not that of the one table in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [member.filename for member in archive.infolist() if not member.is_dir()]
    except (OSError, zipfile.BadZipFile):
        return ()  # Whoever reads it as a table will say what is wrong with it.
    kept = [name for name in names if not _is_hidden(name.split("/"))][:_MEMBERS_MAX]
    itself = len(names) == 1 and (_TABLE_NAME.search(path.name) or role_of(path.name))
    return () if itself else tuple(kept)


def _is_hidden(parts: Sequence[str]) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in parts)


def _peek(data_dir: Path, name: str) -> TableFile:
    dialect = Dialect() if record_form(data_dir / name) else sniff(data_dir / name)
    rows, columns = measure(data_dir / name, dialect)
    return TableFile(path=name, dialect=dialect, rows=rows, columns=columns)


def _description(data_dir: Path, names: Sequence[str]) -> str | None:
    """All prose in one markdown text, each file under its name; a lone file as it is."""
    texts = {name: _prose(data_dir / name) for name in names}
    if len(texts) < 2:
        return next(iter(texts.values()), None)
    return "\n\n".join(f"# {name.rpartition('.')[0]}\n\n{text}" for name, text in texts.items())


def _prose(path: Path) -> str:
    with opened(path) as raw:
        return raw.read(_PROSE_BYTES_MAX).decode("utf-8", errors="replace")
