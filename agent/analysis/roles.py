"""Decides what a competition asks: which columns are predicted, and in what form the answer is given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from agent.brief import Answer, Target, Task
from agent.errors import RolesError
from agent.formulas import VALUE_FORMULAS
from agent.labels import as_labels, ordered_classes, plain_label
from agent.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

LABELS_MAX: Final = 1000
"""A target with more distinct values is no set of classes."""

_FEW_LABELS: Final = 20
_ROWS_PER_LABEL_MIN: Final = 20
_YES_AND_NO: Final = (("1", "0"), ("1", "-1"), ("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"))
_POSITIVE_AND_NEGATIVE: Final = (("positive", "negative"), ("pos", "neg"))


class ClassColumns(msgspec.Struct, frozen=True, kw_only=True):
    """A submission with a column of chances for each class: whose classes, in the columns' order."""

    train_column: str
    classes: tuple[str, ...]


class TargetFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the data say of the target (of all targets together, where there are several).

    `labels` are the distinct cells of train in their fixed order, empty where they are more than
    `LABELS_MAX`; `sample_labels` tells whether the sample submission answers with these labels.
    """

    numeric: bool
    whole: bool
    rows: int
    labels: tuple[str, ...]
    sample_labels: bool
    targets: int
    class_columns: bool


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """The form of the answer."""

    task: Task
    answer: Answer


def match_targets(
    asked: Sequence[str], train: Sequence[str], test: Sequence[str]
) -> tuple[Target, ...] | None:
    """The train column for each column that the sample asks for; None where they do not match.

    Names are compared as they are, then without case, then by their letters and digits alone.  A lone
    column with a name of its own is the lone train column that test lacks.
    """
    found: list[Target] = []
    for name in asked:
        column = by_plain_name(name, train)
        if column is None:
            break
        found.append(Target(train_column=column, submission_column=name))
    if len(found) == len(asked):
        return tuple(found)
    unknown = [column for column in train if by_plain_name(column, test) is None]
    if len(asked) == 1 and len(unknown) == 1:
        return (Target(train_column=unknown[0], submission_column=asked[0]),)
    return None


def match_class_columns(asked: Sequence[str], labels: Mapping[str, Sequence[str]]) -> ClassColumns | None:
    """The train column whose labels name the `asked` columns, bare or between a fixed prefix and suffix.

    `labels` are the distinct labels of each train column that test lacks.  A column may stand for a class
    that train has no row of; a label without a column may not be.
    """
    for column, found in labels.items():
        for label in found if 2 <= len(found) <= len(asked) else ():
            for start in (hit.start() for hit in re.finditer(re.escape(label), asked[0])):
                prefix, suffix = asked[0][:start], asked[0][start + len(label) :]
                classes = _between(asked, prefix, suffix)
                if classes is not None and set(found) <= set(classes):
                    return ClassColumns(train_column=column, classes=classes)
    return None


def target_facts(
    cells: Sequence[pl.Series],
    numbers: Sequence[pl.Series],
    sample: Sequence[pl.Series],
    *,
    class_columns: bool,
    more_labels: Sequence[str] = (),
) -> TargetFacts:
    """What the targets hold: `cells` are train's as text, `numbers` the same typed, `sample` the sample's.

    `more_labels` are those of rows that are not at hand, where only some are.

    Raises RolesError (target_empty) where a target has no cell at all.
    """
    filled = [column.drop_nulls() for column in cells]
    for column in filled:
        if column.is_empty():
            raise RolesError("target_empty", f"The target {column.name!r} is empty in every row of train.")
    distinct = {cell for column in filled for cell in column.unique()} | set(more_labels)
    labels = ordered_classes({plain_label(cell) for cell in distinct}) if len(distinct) <= LABELS_MAX else ()
    numeric = all(column.dtype.is_numeric() for column in numbers)
    return TargetFacts(
        numeric=numeric,
        whole=numeric and all((column.drop_nulls() % 1 == 0).all() for column in numbers),
        rows=filled[0].len(),
        labels=labels,
        sample_labels=bool(labels)
        and all(as_labels(column, labels).is_in(labels).all() for column in sample),
        targets=len(cells),
        class_columns=class_columns,
    )


def fits(metric: str, facts: TargetFacts) -> bool:
    """Whether a metric can grade such a target: what a description names in passing often cannot."""
    answers = METRICS[metric].answers
    if answers == ("value",):
        return facts.numeric and not facts.class_columns
    if facts.class_columns:
        return "class_probabilities" in answers
    if len(facts.labels) < 2:
        return False
    return "probability" not in answers or len(facts.labels) == 2


def fallback_metric(facts: TargetFacts) -> str:
    """The nearest proper score where nothing named a metric: the sample shows what is asked for."""
    if facts.class_columns:
        return "log_loss"
    if len(facts.labels) == 2:
        return "accuracy" if facts.sample_labels else "log_loss"
    if not facts.numeric:
        return "accuracy"
    few = 2 < len(facts.labels) <= _FEW_LABELS and facts.rows >= _ROWS_PER_LABEL_MIN * len(facts.labels)
    if few and facts.whole and facts.sample_labels:
        return "accuracy"
    return "mcrmse" if facts.targets > 1 else "rmse"


def form_of(metric: str, facts: TargetFacts) -> Form:
    """The form of the answer that a metric grades."""
    if metric in VALUE_FORMULAS:
        return Form(task="regression", answer="value")
    task: Task = "binary" if len(facts.labels) == 2 else "multiclass"
    if facts.class_columns:
        return Form(task=task, answer="class_probabilities")
    return Form(task=task, answer="label" if METRICS[metric].answers == ("label",) else "probability")


def positive_label(classes: Sequence[str], description: str) -> tuple[str | None, str | None]:
    """The label whose chance is asked for, and a note where it had to be guessed; (None, None) for no pair.

    It is the one that the description calls positive, or whose probability it writes down (`paid = No`).
    Else Yes is positive beside No, 1 beside 0 and -1; of other pairs the one that the description names
    after "probability"; else the last.
    """
    if len(classes) != 2:
        return None, None
    called = [label for label in classes if _is_called_positive(label, description)]
    if len(called) == 1:
        return called[0], None
    by_word = {label.lower(): label for label in classes}
    for positive, negative in (*_YES_AND_NO, *_POSITIVE_AND_NEGATIVE):
        if set(by_word) == {positive, negative}:
            return by_word[positive], None
    for sentence in re.findall(r"(?:probability|chance|likelihood)[^.\n]{0,120}", description, re.IGNORECASE):
        named = [label for label in classes if re.search(rf"(?<!\w){re.escape(label)}(?!\w)", sentence)]
        if len(named) == 1:
            return named[0], None
    return classes[-1], f"Nothing says which of {classes[0]!r} and {classes[1]!r} is positive: took the last."


def _is_called_positive(label: str, description: str) -> bool:
    word = rf"(?<!\w)['\"`*]*{re.escape(label)}['\"`*]*(?!\w)"
    forms = (
        rf"{word}\W{{0,2}}\s*(?:is|as|being|=|counts as)\s+(?:the\s+)?positive\b",
        rf"\bpositive (?:class|label|outcome)s?\s*(?:is|=|:|,|\()?\s*(?:the )?(?:class |label )?{word}",
        rf"\b(?:probability|chance|likelihood)\b[^.\n]{{0,80}}?={{1,2}}\s*{word}",
    )
    return any(re.search(form, description) for form in forms)


def by_plain_name(name: str, columns: Sequence[str]) -> str | None:
    """The one column of that name: as it is, else without case, else by letters and digits alone."""
    for same in (str, str.lower, _letters):
        matches = [column for column in columns if same(column) == same(name)]
        if len(matches) == 1:
            return matches[0]
    return None


def _letters(name: str) -> str:
    """A name's letters and digits; a name without any stays as it is."""
    return re.sub(r"[\W_]", "", name.lower()) or name


def _between(names: Sequence[str], prefix: str, suffix: str) -> tuple[str, ...] | None:
    """What stands between `prefix` and `suffix` in each name; None where one lacks them or is no more."""
    inner = [name[len(prefix) : len(name) - len(suffix)] for name in names]
    if all(part and name == prefix + part + suffix for part, name in zip(inner, names, strict=True)):
        return tuple(inner)
    return None
