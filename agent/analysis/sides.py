"""Finds the keys by which further tables belong to train and test, and joins them as a solution will."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Final

import msgspec
import polars as pl

from agent.analysis.files import role_of
from agent.analysis.roles import by_plain_name
from agent.analysis.tables import read_text, reading, scan, typed
from agent.brief import SideTable, TableFile
from agent.joins import beside, one_each, plain_keys, summed_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_COVERAGE_MIN: Final = 0.5
"""The part of train's rows, and of test's, whose key a side table must know."""

_LOOKED_AT: Final = 20_000
_SHARED_MAX: Final = 6
_NUMBERS_MAX: Final = 40
_SUMMED_KEYS_MIN: Final = 5
_SIDES_MAX: Final = 30
_KEY_NAMES: Final = ("id", "key", "code", "no", "number")


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """Train and test as text with the columns of the side tables, and what was joined and what was not."""

    train: pl.DataFrame
    test: pl.DataFrame
    sides: tuple[SideTable, ...] = ()
    notes: tuple[str, ...] = ()


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A side table as train and as test see it; None where there is none for it."""

    label: str
    train: TableFile | None
    test: TableFile | None

    @property
    def any(self) -> TableFile:
        """One of the two files, by which their columns are known."""
        table = self.train or self.test
        assert table is not None
        return table


def join_sides(
    data_dir: Path, others: Sequence[TableFile], train: pl.DataFrame, test: pl.DataFrame, asked: Sequence[str]
) -> Joined:
    """Join what can be joined of the tables `others`, those too whose key came with one joined before.

    A table for train alone is joined only where it brings what is `asked` for; of a table for both no
    column that is asked for is taken, as that would be an answer.
    """
    found = Joined(train=train, test=test)
    waiting = list(pairs_of(others, train.columns, test.columns, asked))[:_SIDES_MAX]
    while waiting:
        for pair in waiting:
            side = _side(data_dir, pair, found, asked)
            if side is not None:
                found = _with(data_dir, found, side)
                waiting.remove(pair)
                break
        else:
            break
    left = [f"{pair.any.path} has no key of train and test: it is left out." for pair in waiting]
    return msgspec.structs.replace(found, notes=(*found.notes, *left))


def pairs_of(
    others: Sequence[TableFile], train: Sequence[str], test: Sequence[str], asked: Sequence[str]
) -> Iterator[Pair]:
    """The side tables, those of train and of test put together; no copies of train, test or sample."""
    by_label: dict[str, dict[str | None, TableFile]] = {}
    for table in others:
        role = role_of(table.path)
        copies = any(set(table.columns) >= set(names) for names in (train, test))
        if role != "sample" and not copies and len(table.columns) > 1:
            by_label.setdefault(_label(table.path), {}).setdefault(role, table)
    for label, tables in by_label.items():
        if shared := tables.get(None):
            yield Pair(label=label, train=shared, test=shared)
        elif "train" in tables and "test" in tables:
            yield Pair(label=label, train=tables["train"], test=tables["test"])
        elif (alone := tables.get("train")) and _brings(alone, asked, train, test):
            yield Pair(label=label, train=alone, test=None)


def _brings(table: TableFile, asked: Sequence[str], train: Sequence[str], test: Sequence[str]) -> bool:
    """Whether a table for train alone has what is asked for: by name, by its width, or as none else has."""
    named = any(by_plain_name(name, table.columns) for name in asked)
    return named or len(table.columns) in {2, len(asked) + 1} or set(train) <= set(test)


def _label(path: str) -> str:
    """A file's name without what says whose it is: `train_identity.csv` and `test_identity.csv` are alike."""
    stem = path.rpartition("/")[2].partition(".")[0]
    return re.sub(r"(?i)(^|[_\W])(train(ing)?|test(ing)?|learn)(?=$|[_\W])", "", stem).strip("_- ") or stem


def _side(data_dir: Path, pair: Pair, found: Joined, asked: Sequence[str]) -> SideTable | None:
    """How a table is to be joined; None where no key does."""
    shared = _shared(pair, found)
    best: tuple[tuple[bool, float], dict[str, str]] | None = None
    for count in sorted({1, 2, len(shared)} - {0}):
        for chosen in itertools.combinations(shared, count):
            keys = dict(chosen)
            if len(keys) < count or len(set(keys.values())) < count:
                continue
            fit = _fit(data_dir, pair, keys, found)
            if fit is not None and (best is None or fit > best[0]):
                best = fit, keys
        if best is not None and best[0][0]:
            break
    if best is None:
        return None
    (unique, _), keys = best
    both = pair.train is not None and pair.test is not None and pair.train == pair.test
    hidden = set(asked) if both or pair.test is not None else set()
    others = [name for name in pair.any.columns if name not in keys.values() and name not in hidden]
    if unique:
        taken = {*found.train.columns, *found.test.columns} - (set() if pair.test else set(asked))
        columns = {name: f"{pair.label} {name}" if name in taken else name for name in others}
        return SideTable(train=pair.train, test=pair.test, keys=keys, columns=columns)
    numbers = _numbers(data_dir, pair.any, others)
    columns = {name: f"{pair.label} {name} mean" for name in numbers}
    return SideTable(train=pair.train, test=pair.test, keys=keys, columns=columns, count=f"{pair.label} rows")


def _shared(pair: Pair, found: Joined) -> list[tuple[str, str]]:
    """Train's columns that may be keys, each with what it may be called in the side table.

    `shop_id` may be called so, ShopID, or plain id in a table of shops.
    """
    ours = [name for name in found.train.columns if pair.test is None or name in found.test.columns]
    letters = {re.sub(r"[\W_]", "", name.lower()): name for name in ours}
    singular = re.sub(r"[\W_]", "", pair.label.lower()).removesuffix("s")
    shared = []
    for theirs in pair.any.columns:
        plain = re.sub(r"[\W_]", "", theirs.lower())
        of_table = letters.get(singular + plain) if plain in _KEY_NAMES else None
        for name in dict.fromkeys([theirs if theirs in ours else letters.get(plain), of_table]):
            shared += [(name, theirs)] if name is not None else []
    return shared[:_SHARED_MAX]


def _fit(data_dir: Path, pair: Pair, keys: dict[str, str], found: Joined) -> tuple[bool, float] | None:
    """Whether each key has one row, and how good a key it is; None where it is none."""
    unique, known = True, 1.0
    distinct = 0
    for table, frame in ((pair.train, found.train), (pair.test, found.test)):
        if table is None:
            continue
        with reading(data_dir / table.path):
            cells = scan(data_dir, table).select(**plain_keys(list(keys.values())))
            counts = cells.group_by(pl.all()).agg(pl.len()).collect(engine="streaming")
        plain = counts.columns[:-1]
        unique = unique and bool((counts["len"] == 1).all())
        distinct = max(distinct, counts.height)
        ours = frame.head(_LOOKED_AT).select(**plain_keys(list(keys)))
        known = min(known, ours.join(counts, on=plain, how="semi").height / max(1, ours.height))
    if known < _COVERAGE_MIN or (not unique and distinct < _SUMMED_KEYS_MIN):
        return None
    return (True, known) if unique else (False, float(distinct))


def _numbers(data_dir: Path, table: TableFile, names: Sequence[str]) -> list[str]:
    """The columns that hold numbers, as their first rows show."""
    with reading(data_dir / table.path):
        head = scan(data_dir, table).select(list(names)).head(_LOOKED_AT).collect(engine="streaming")
    kept = [name for name in names if typed(head[name], table.dialect).dtype.is_numeric()]
    return kept[:_NUMBERS_MAX]


def _with(data_dir: Path, found: Joined, side: SideTable) -> Joined:
    keys = ", ".join(side.keys)
    how = f"{len(side.columns)} columns" if side.count is None else "counts and means of its rows"
    table = side.train or side.test
    assert table is not None
    return Joined(
        train=with_side(data_dir, found.train, side, side.train),
        test=with_side(data_dir, found.test, side, side.test),
        sides=(*found.sides, side),
        notes=(*found.notes, f"{table.path} is joined by {keys}: {how}."),
    )


def with_side(data_dir: Path, frame: pl.DataFrame, side: SideTable, table: TableFile | None) -> pl.DataFrame:
    """Train or test as text with a side table's columns; means and counts are numbers."""
    if table is None:
        return frame
    with reading(data_dir / table.path):
        cells, theirs = scan(data_dir, table), list(side.keys.values())
        if side.count is None:
            return beside(frame, list(side.keys), one_each(cells, theirs, side.columns))
        comma = table.dialect.decimal_comma
        summed = summed_up(cells, theirs, side.columns, side.count, decimal_comma=comma)
        return beside(frame, list(side.keys), summed)


def read_joined(
    data_dir: Path, table: TableFile, sides: Sequence[SideTable], names: Sequence[str]
) -> pl.DataFrame:
    """Some columns of train as text, those too that a side table brings."""
    there = set(table.columns)
    keys = [key for side in sides for key in side.keys if key in there]
    wanted = list(dict.fromkeys([*(name for name in names if name in there), *keys]))
    frame = read_text(data_dir, table, columns=wanted or list(table.columns[:1]))
    for side in sides:
        if not set(names) <= set(frame.columns):
            frame = with_side(data_dir, frame, side, side.train)
    return frame.select(names)
