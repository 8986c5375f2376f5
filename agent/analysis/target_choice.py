"""Decides which columns of train are predicted: by their names, and where those say nothing, by what fits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from agent.analysis.roles import (
    LABELS_MAX,
    ClassColumns,
    by_plain_name,
    match_class_columns,
    match_targets,
)
from agent.brief import Target
from agent.errors import RolesError
from agent.labels import plain_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

_CANDIDATES_MAX: Final = 4
_TOKEN: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_ASKING: Final = re.compile(
    r"\b(predict|forecast|estimat|target|classif|label|dependent|response)", re.IGNORECASE
)


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of what is asked, and what speaks for it; `by_class` where each class has a column."""

    targets: tuple[Target, ...]
    by_class: ClassColumns | None
    evidence: str


def askings(
    sample: pl.DataFrame,
    train_text: pl.DataFrame,
    *,
    train: Sequence[str],
    test: Sequence[str],
    description: str,
) -> tuple[Asking, ...]:
    """The readings that the data allow, best first; one only where the names leave no doubt.

    `sample` has the asked columns as text, `train_text` train's columns as text that may be targets;
    `train` and `test` are all names but the id's.  Raises RolesError (target_not_found).
    """
    asked = sample.columns
    targets = match_targets(asked, train, test)
    if targets:
        return (Asking(targets=targets, by_class=None, evidence="by name"),)
    unknown = [name for name in train if not by_plain_name(name, test)]
    by_class = _by_class(asked, train_text, unknown) if len(asked) > 1 else None
    if by_class is not None:
        target = Target(train_column=by_class.train_column, submission_column=by_class.train_column)
        return (Asking(targets=(target,), by_class=by_class, evidence="its labels name the columns"),)
    if len(asked) == 1:
        found = _lone(sample.to_series(), train_text, unknown, description)
        if found:
            return tuple(found[:_CANDIDATES_MAX])
    if len(asked) > 1 and (several := _several(asked, train, unknown)):
        return (Asking(targets=several, by_class=None, evidence="by what is left over, in order"),)
    raise RolesError(
        "target_not_found",
        f"The sample submission asks for {', '.join(asked[:5]) or 'nothing'}; of train's columns test "
        f"lacks {', '.join(unknown[:5]) or 'none'}: they do not match.",
    )


def _by_class(asked: Sequence[str], train_text: pl.DataFrame, unknown: Sequence[str]) -> ClassColumns | None:
    labels = {
        name: train_text[name].drop_nulls().unique().to_list()
        for name in unknown
        if name in train_text.columns and train_text[name].n_unique() <= LABELS_MAX
    }
    return match_class_columns(asked, labels)


def _lone(
    sample: pl.Series, train_text: pl.DataFrame, unknown: Sequence[str], description: str
) -> list[Asking]:
    """Every column that may be meant by a name of its own, likeliest first."""
    ranked = []
    for place, name in enumerate(unknown):
        if name not in train_text.columns or not _may_answer(sample, train_text[name]):
            continue
        reasons = {
            "its name is alike": bool(_tokens(name) & _tokens(sample.name)),
            "the description asks for it": _is_asked_for(name, description),
            "it is asked for first": name == _asked_first(unknown, description),
            "the sample answers with its values": _answers_with(sample, train_text[name]),
            "it is the last such column": place == len(unknown) - 1,
        }
        evidence = ", ".join(reason for reason, holds in reasons.items() if holds) or "test lacks it"
        target = Target(train_column=name, submission_column=sample.name)
        ranked.append((tuple(reasons.values()), Asking(targets=(target,), by_class=None, evidence=evidence)))
    return [asking for _, asking in sorted(ranked, key=lambda pair: pair[0], reverse=True)]


def _several(asked: Sequence[str], train: Sequence[str], unknown: Sequence[str]) -> tuple[Target, ...] | None:
    """Those found by name, and the others in order, where just as many columns are left over."""
    named = {
        name: column for name in asked if (column := by_plain_name(name, train) or _within(name, unknown))
    }
    left = [column for column in unknown if column not in named.values()]
    without = [name for name in asked if name not in named]
    if without and len(left) != len(without):
        return None
    pairs = named | dict(zip(without, left, strict=False))
    return tuple(Target(train_column=pairs[name], submission_column=name) for name in asked)


def _within(name: str, columns: Sequence[str]) -> str | None:
    """The one column whose words are all among those of the name."""
    found = [column for column in columns if _tokens(column) and _tokens(column) <= _tokens(name)]
    return found[0] if len(found) == 1 else None


def _may_answer(sample: pl.Series, column: pl.Series) -> bool:
    """Whether the sample's cells could stand for this column: words only for a column with these words."""
    cells = sample.drop_nulls()
    if column.null_count() == column.len():
        return False
    if cells.cast(float, strict=False).null_count() == 0:
        words = column.drop_nulls().head(1_000)
        numbers = words.cast(float, strict=False).null_count() == 0
        return numbers or column.n_unique() <= LABELS_MAX
    return column.n_unique() <= LABELS_MAX and _answers_with(sample, column)


def _answers_with(sample: pl.Series, column: pl.Series) -> bool:
    cells = {plain_label(cell) for cell in sample.drop_nulls().unique().to_list()[:LABELS_MAX]}
    if column.n_unique() > LABELS_MAX:
        return False
    return bool(cells) and cells <= {plain_label(cell) for cell in column.drop_nulls().unique().to_list()}


def _is_asked_for(name: str, description: str) -> bool:
    """Whether a sentence that speaks of predicting names the column."""
    named = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    lines = re.split(r"(?<=[.!?])\s|\n", description)
    return any(named.search(line) and _ASKING.search(line) for line in lines)


def _asked_first(names: Sequence[str], description: str) -> str | None:
    """The name that stands first behind a word of predicting."""
    either = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    found = re.search(rf"\bpredict\w*\W[^.\n]{{0,60}}?(?<!\w)({either})(?!\w)", description, re.IGNORECASE)
    return next((name for name in names if found and name.lower() == found.group(1).lower()), None)


def _tokens(name: str) -> set[str]:
    """The words of a name, without those that say nothing."""
    words = {token.lower() for token in _TOKEN.findall(name)}
    return words - {"id", "prediction", "predicted", "predictions", "target", "label", "value", "the", "of"}
