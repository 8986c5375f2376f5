"""What a competition asks, as found in its files: the outcome of stage 1 and the input of all others.

Pure data.  Nothing here reads a file; `agent.analysis.competition` makes a `Brief`, all else only reads it.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

Task: TypeAlias = Literal["binary", "multiclass", "regression"]

Answer: TypeAlias = Literal["label", "probability", "class_probabilities", "value"]
"""What a submission's cells hold: a class, the chance of the positive class, one column of chances for
each class, or a number."""

ColumnKind: TypeAlias = Literal["numeric", "categorical", "text", "datetime", "boolean"]

Scheme: TypeAlias = Literal["kfold", "stratified", "group", "time", "blocks"]

Topic: TypeAlias = Literal["target", "metric", "positive label"]


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """How a table is written down."""

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal_comma: bool = False


class TableFile(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the competition: its path relative to the data folder, and how to read it.

    `parts` are further files with the same columns, written down alike, whose rows follow those of `path`;
    `rows` counts them all.
    """

    path: str
    dialect: Dialect
    rows: int
    columns: tuple[str, ...]
    parts: tuple[str, ...] = ()


class SideTable(msgspec.Struct, frozen=True, kw_only=True):
    """A further table that is joined to train and test by its `keys`: column of train -> its name there.

    `train` and `test` are the files for either, often the same one; None where there is none (labels in a
    file of their own are for train only).  `columns` are its columns by name and the names that they get
    beside train's own.  A key has one row where `count` is None; else its rows are counted, by that name,
    and `columns` are its numbers, which are averaged.
    """

    train: TableFile | None
    test: TableFile | None
    keys: dict[str, str]
    columns: dict[str, str]
    count: str | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A column to predict, by its name in train and (not always the same) in the submission.

    For `class_probabilities` the submission has no such column but one for each class: the two names are
    then both the train column's.
    """

    train_column: str
    submission_column: str


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """A column that train and test share and that a model may learn from."""

    name: str
    kind: ColumnKind
    missing_fraction: float
    unique: int


class MetricChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The metric that the competition is scored by, and the words that say so.

    `name` is a key of `agent.metrics.METRICS`; `certain` is False where nothing named a metric and the
    nearest proper score for the task was taken.
    """

    name: str
    maximize: bool
    evidence: str
    certain: bool


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """How train is split for cross-validation, and why; `column` is the group or the time, if any.

    Where two columns together make the group, `second_column` is the other one; `column` alone is then a
    coarser group that keeps the same rows apart.  `gap` is how long the stretches are that test takes out
    of train's time (scheme `blocks`): seconds where `column` holds dates, else in its own unit.
    """

    scheme: Scheme
    reason: str
    column: str | None = None
    second_column: str | None = None
    gap: float | None = None


class Consequences(msgspec.Struct, frozen=True, kw_only=True):
    """What a brief says otherwise where a doubt is settled otherwise; what is not set stays as it is."""

    targets: tuple[Target, ...] | UnsetType = UNSET
    task: Task | UnsetType = UNSET
    answer: Answer | UnsetType = UNSET
    classes: tuple[str, ...] | UnsetType = UNSET
    positive_label: str | UnsetType | None = UNSET
    metric: MetricChoice | UnsetType = UNSET
    validation: Validation | UnsetType = UNSET
    features: tuple[Feature, ...] | UnsetType = UNSET
    dropped: dict[str, str] | UnsetType = UNSET


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to a doubt, what speaks for it, and what would follow; the data allow each of them."""

    name: str
    evidence: str
    then: Consequences


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """A question on which the rules do not agree.  The brief follows the first of its candidates."""

    topic: Topic
    question: str
    candidates: tuple[Candidate, ...]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One look for leakage or drift: what it found in a sentence, and whether that is a warning.

    `found` is None where it was not made, for which `says` gives the reason.
    """

    name: str
    found: bool | None
    says: str


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """Everything later stages need to know of a competition.

    `id_column` is the submission's column of ids; `id_in_test` is False where test.csv has no such
    column, so that ids are taken from the sample submission by row.  `more_ids` are further columns that a
    submission has as the sample has them; those of them that are in test name a row together with the id.
    `test_id_column` names test's column of ids where it is called otherwise, `test_names` maps what test
    calls other columns to train's names.  A `sample` with an empty path
    is none: the submission has test's ids, or its row numbers from 0, in their order.  `classes` are labels
    as they are written in a submission, in a fixed order (for `class_probabilities`: the order of its
    columns); empty for regression.  `dropped` maps a column that no model may use to the reason.  `sides`
    are joined in their order.  `missing_marks` are numbers that stand for missing ones, such as -999, by
    column.
    """

    competition: str
    title: str
    train: TableFile
    test: TableFile
    sample: TableFile
    id_column: str
    id_in_test: bool
    targets: tuple[Target, ...]
    task: Task
    answer: Answer
    classes: tuple[str, ...]
    positive_label: str | None
    metric: MetricChoice
    validation: Validation
    features: tuple[Feature, ...]
    dropped: dict[str, str]
    notes: tuple[str, ...]
    more_ids: tuple[str, ...] = ()
    test_id_column: str | None = None
    test_names: dict[str, str] = {}
    sides: tuple[SideTable, ...] = ()
    missing_marks: dict[str, float] = {}
    doubts: tuple[Doubt, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The submission's columns that are as the sample has them."""
        return (self.id_column, *self.more_ids)

    @property
    def keys(self) -> tuple[str, ...]:
        """Those of them by which a row of the submission is found in test."""
        return (self.id_column, *(name for name in self.more_ids if name in self.test.columns))
