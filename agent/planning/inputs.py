"""Which columns the models see, and how each is turned into numbers.  Pure rules."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.brief import Brief, Feature, Validation

_CODES_MAX: Final = 60
"""A category of more values is given the target's means instead of codes of its own."""

_CODED_NUMBER: Final = re.compile(r"(^|[_\s])(id|code|zip|zipcode|postcode)$|Id$|ID$|Code$|SubClass$")
_OUTPUTS_ENCODED_MAX: Final = 12
"""With more classes a column of means for each of them and each category would drown the rest."""

_PAIRED_NUMBERS_MAX: Final = 150
"""More are mostly alike (pixels, counts): a ratio of two says little."""


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """The brief's features by how they are turned into numbers; a column may be used in several ways."""

    numbers: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    many_valued: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


def split_columns(validation: Validation) -> tuple[str, ...]:
    """The columns that folds respect: a group, or the time."""
    if validation.scheme not in {"group", "time", "blocks"}:
        return ()
    return tuple(column for column in (validation.column, validation.second_column) if column is not None)


def columns_of(brief: Brief) -> Columns:
    """What the models see of a brief's features."""
    return _columns(_teaching(brief))


def _teaching(brief: Brief) -> tuple[Feature, ...]:
    """The features without the group that folds keep apart: its values in test are new ones.

    Of a group of two columns a number stays: by itself (a year, say) it may well recur.
    """
    group = split_columns(brief.validation) if brief.validation.scheme == "group" else ()
    return tuple(
        feature
        for feature in brief.features
        if feature.name not in group or (len(group) > 1 and feature.kind == "numeric")
    )


def _columns(features: tuple[Feature, ...]) -> Columns:
    few: list[str] = []
    many: list[str] = []
    for feature in features:
        if feature.kind in {"categorical", "boolean"}:
            (few if feature.unique <= _CODES_MAX else many).append(feature.name)
        elif feature.kind == "numeric" and _CODED_NUMBER.search(feature.name) and feature.unique > 5:
            many.append(feature.name)

    def of_kind(kind: str) -> tuple[str, ...]:
        return tuple(feature.name for feature in features if feature.kind == kind)

    return Columns(
        numbers=of_kind("numeric"),
        dates=of_kind("datetime"),
        categories=tuple(few),
        many_valued=tuple(many),
        texts=of_kind("text"),
    )


def feature_steps(columns: Columns, outputs: int) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Steps that need no target, encoders that do, and encoders that are tried before they are used."""
    wordy = columns.categories or columns.many_valued or columns.texts
    steps = {
        "numbers": columns.numbers,
        "missing_count": True,
        "dates": columns.dates,
        "codes": columns.categories,
        "numbers_in_text": wordy,
        "frequencies": columns.many_valued,
        "text_shape": columns.texts,
        "text_topics": columns.texts,
    }
    few = outputs <= _OUTPUTS_ENCODED_MAX
    encoders = {
        "target_means": columns.many_valued and few,
        "text_scores": columns.texts and few,
    }
    options = {"pairs": few and 1 < len(columns.numbers) <= _PAIRED_NUMBERS_MAX}

    def wanted(named: Mapping[str, object]) -> tuple[str, ...]:
        return tuple(name for name, used in named.items() if used)

    return wanted(steps), wanted(encoders), wanted(options)
