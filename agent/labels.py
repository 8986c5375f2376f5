"""Writes class labels one way, so that 1, 1.0 and True meet where a competition means the same class."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WHOLE_NUMBER: Final = re.compile(r"([-+]?\d+)(\.0*)?")
_TRUTH: Final = {"true": "1", "false": "0"}
_EITHER: Final = ({"true", "false"}, {"0", "1"})
_SPELLINGS: Final = (("0", "1"), ("False", "True"), ("false", "true"), ("FALSE", "TRUE"))


def plain_label(cell: str) -> str:
    """One label without what a table writer added: blanks around it, and the .0 of a whole number."""
    word = cell.strip()
    number = _WHOLE_NUMBER.fullmatch(word)
    return number.group(1) if number else word


def ordered_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """Distinct labels in their fixed order: whole numbers by value, words by alphabet."""
    distinct = set(labels)
    if all(_WHOLE_NUMBER.fullmatch(label) for label in distinct):
        return tuple(sorted(distinct, key=int))
    return tuple(sorted(distinct))


def as_labels(values: pl.Series, classes: Sequence[str]) -> pl.Series:
    """`values` (numbers, booleans or words) as members of `classes`: a String series of the same length.

    A cell that is no class stays as it is written and an empty one stays null: it is the caller who knows
    whether that is an error.
    """
    words = values.cast(pl.String)
    either = {label.lower() for label in classes} in _EITHER
    by_key = {_key(label, either=either): label for label in classes}
    spelled = {
        word: by_key[key]
        for word in words.drop_nulls().unique()
        if word not in classes and (key := _key(word, either=either)) in by_key
    }
    return words.replace(spelled) if spelled else words


def spelled_as_in(sample: pl.Series, classes: Sequence[str]) -> tuple[str, ...]:
    """`classes` as a sample submission writes them, where they are a yes and a no with several spellings.

    Train may say True and False where the sample answers 0: the sample need not hold both to show which.
    """
    written = {plain_label(cell) for cell in sample.drop_nulls().unique().to_list()}
    if written <= set(classes) or {label.lower() for label in classes} not in _EITHER:
        return tuple(classes)
    return next((spelling for spelling in _SPELLINGS if written <= set(spelling)), tuple(classes))


def _key(label: str, *, either: bool) -> str:
    """What two spellings of a class have in common; `either` where the classes are a yes and a no."""
    plain = plain_label(label)
    return _TRUTH.get(plain.lower(), plain) if either else plain
