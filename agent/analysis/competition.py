"""Stage 1: reads a competition's files and states what is asked, as a `Brief`.

The decisions are pure functions of other modules (`roles`, `metric_choice`, `columns`, `validation`); this
one reads the tables once and puts the answers together.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import polars as pl

from agent.analysis.columns import sort_columns
from agent.analysis.files import CompetitionFiles, find_files
from agent.analysis.metric_choice import Mention, mentions, named_by_field
from agent.analysis.roles import (
    LABELS_MAX,
    ClassColumns,
    TargetFacts,
    fallback_metric,
    fits,
    form_of,
    match_class_columns,
    match_targets,
    positive_label,
    target_facts,
)
from agent.analysis.tables import read_table
from agent.analysis.validation import choose_validation
from agent.brief import Brief, MetricChoice, Target
from agent.errors import RolesError
from agent.labels import spelled_as_in
from agent.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """The three tables in memory: train and test typed; as text the sample, what may be a target, the ids.

    `ids_text` are test's ids as they are written, None where test has none.
    """

    train: pl.DataFrame
    test: pl.DataFrame
    sample_text: pl.DataFrame
    train_text: pl.DataFrame
    ids_text: pl.Series | None


def analyse(
    data_dir: Path,
    competition: str,
    *,
    evaluation_metric: str | None = None,
    progress: Callable[[float, str], None],
) -> Brief:
    """What the competition in `data_dir` asks; `evaluation_metric` is Kaggle's field, where it is known.

    `progress` is told the fraction done, in 0..1, and what was found.  Raises CompetitionError, never
    retryable, where the files do not make a competition.
    """
    files = find_files(data_dir)
    found = f"Found {files.train.path}, {files.test.path} and {files.sample.path}."
    progress(0.2, found)
    tables = _read(data_dir, files)
    progress(0.5, f"Read {tables.train.height} train and {tables.test.height} test rows.")
    brief = state(files, tables, competition, evaluation_metric=evaluation_metric)
    progress(1.0, f"{brief.task}, scored by {brief.metric.name}, {len(brief.features)} features.")
    return brief


def state(
    files: CompetitionFiles, tables: Tables, competition: str, *, evaluation_metric: str | None = None
) -> Brief:
    """The brief that follows from what was read.  Raises RolesError."""
    description = files.description or ""
    id_column, *asked = files.sample.columns
    _check_ids(tables, id_column, asked)
    targets, by_class = _targets(tables, id_column, asked)
    names = [target.train_column for target in targets]
    sample_answers = [tables.sample_text[name] for name in asked]
    facts = target_facts(
        [tables.train_text[name] for name in names],
        [tables.train[name] for name in names],
        sample_answers,
        class_columns=by_class is not None,
    )
    metric = choose_metric(evaluation_metric, mentions(description), facts)
    form = form_of(metric.name, facts)
    classes: tuple[str, ...] = ()
    if by_class is not None:
        classes = by_class.classes
    elif form.task != "regression":
        classes = spelled_as_in(sample_answers[0], facts.labels) if form.answer == "label" else facts.labels
    positive, guess = positive_label(classes, description)
    features, dropped = sort_columns(tables.train, tables.test, id_column=id_column, targets=names)
    return Brief(
        competition=competition,
        title=_title(description) or competition,
        train=files.train,
        test=files.test,
        sample=files.sample,
        id_column=id_column,
        id_in_test=tables.ids_text is not None,
        targets=targets,
        task=form.task,
        answer=form.answer,
        classes=classes,
        positive_label=positive,
        metric=metric,
        validation=choose_validation(
            tables.train, tables.test, task=form.task, features=features, id_column=id_column
        ),
        features=features,
        dropped=dropped,
        notes=tuple(_notes(tables, names, guess)),
    )


def choose_metric(field: str | None, found: Sequence[Mention], facts: TargetFacts) -> MetricChoice:
    """The first metric named that fits the target: by Kaggle's field, then by the description."""
    named = named_by_field(field) if field else None
    spoken = [(named, field or "")] if named else []
    spoken += [(mention.metric, mention.sentence) for mention in found]
    for name, evidence in spoken:
        metric, exact = _for_targets(name, facts)
        if metric in METRICS and fits(metric, facts):
            return MetricChoice(
                name=metric, maximize=METRICS[metric].maximize, evidence=evidence, certain=exact
            )
    metric = fallback_metric(facts)
    unknown = f"No known metric is named ({field!r})." if field else "No known metric is named."
    return MetricChoice(name=metric, maximize=METRICS[metric].maximize, evidence=unknown, certain=False)


def _for_targets(metric: str, facts: TargetFacts) -> tuple[str, bool]:
    """A metric as it is meant for such a target, and whether that is beyond doubt."""
    if metric == "rmse" and facts.targets > 1:
        return "mcrmse", True
    if metric == "mcrmse" and facts.targets == 1:
        return "rmse", True
    if metric == "f1" and len(facts.labels) > 2:
        return "f1_macro", False
    return metric, True


def _read(data_dir: Path, files: CompetitionFiles) -> Tables:
    train, test, sample = files.train, files.test, files.sample
    id_column, *asked = sample.columns
    matched = match_targets(asked, train.columns, test.columns) or ()
    wanted = [*(target.train_column for target in matched), *_unknown(train.columns, test.columns, id_column)]
    if not wanted:
        raise RolesError("target_not_found", "Train has no column that test lacks or the sample asks for.")
    ids_text: pl.Series | None = None
    if id_column in test.columns:
        ids_text = read_table(data_dir / test.path, test.dialect, text=True, columns=[id_column])[id_column]
    return Tables(
        train=read_table(data_dir / train.path, train.dialect),
        test=read_table(data_dir / test.path, test.dialect),
        sample_text=read_table(data_dir / sample.path, sample.dialect, text=True),
        train_text=read_table(data_dir / train.path, train.dialect, text=True, columns=sorted(set(wanted))),
        ids_text=ids_text,
    )


def _unknown(train: Sequence[str], test: Sequence[str], id_column: str) -> list[str]:
    """Train's columns that test lacks: what may be asked for."""
    return [name for name in train if name not in test and name != id_column]


def _targets(
    tables: Tables, id_column: str, asked: Sequence[str]
) -> tuple[tuple[Target, ...], ClassColumns | None]:
    """What is predicted, and its classes where the submission has a column for each."""
    train, test = [name for name in tables.train.columns if name != id_column], tables.test.columns
    targets = match_targets(asked, train, test)
    if targets:
        return targets, None
    unknown = _unknown(train, test, id_column)
    labels = {
        name: tables.train_text[name].drop_nulls().unique().to_list()
        for name in unknown
        if tables.train_text[name].n_unique() <= LABELS_MAX
    }
    by_class = match_class_columns(asked, labels) if len(asked) > 1 else None
    if by_class is None:
        raise RolesError(
            "target_not_found",
            f"The sample submission asks for {', '.join(asked[:5]) or 'nothing'}; of train's columns test "
            f"lacks {', '.join(unknown[:5]) or 'none'}: they do not match.",
        )
    return (Target(train_column=by_class.train_column, submission_column=by_class.train_column),), by_class


def _check_ids(tables: Tables, id_column: str, asked: Sequence[str]) -> None:
    """Raises RolesError where the sample's rows are not test's rows by one id."""
    sample, test = tables.sample_text, tables.test
    keys = [
        name
        for name in asked
        if name in test.columns and min(test[name].n_unique(), sample[name].n_unique()) > 1
    ]
    if keys:
        raise RolesError(
            "composite_id",
            f"The sample submission repeats test's {', '.join(keys)}: its id is not one column.",
        )
    if sample[id_column].n_unique() < sample.height:
        raise RolesError("ids_mismatch", f"The sample submission repeats ids in {id_column!r}.")
    if tables.ids_text is None and sample.height != test.height:
        raise RolesError(
            "ids_mismatch",
            f"Test has no {id_column!r}, and its {test.height} rows are not the sample's {sample.height}.",
        )
    if tables.ids_text is not None:
        strange = sample.height - sample[id_column].is_in(tables.ids_text.implode()).sum()
        if strange:
            raise RolesError("ids_mismatch", f"{strange} ids of the sample submission are not in test.")


def _notes(tables: Tables, targets: Sequence[str], guess: str | None) -> list[str]:
    notes = [guess] if guess else []
    for name in targets:
        empty = tables.train_text[name].null_count()
        if empty:
            notes.append(f"{empty} rows of train have no {name}: leave them out.")
    if tables.sample_text.height != tables.test.height:
        notes.append(
            f"Test has {tables.test.height} rows, the submission wants {tables.sample_text.height} of them."
        )
    return notes


def _title(description: str) -> str | None:
    heading = re.search(r"^#\s+(.+)$", description, re.MULTILINE)
    return heading.group(1).strip() if heading else None
