"""One way to understand what is asked: from a choice of targets to all that follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import msgspec
from msgspec import UNSET

from agent.analysis.columns import sort_columns
from agent.analysis.loading import Tables
from agent.analysis.metric_choice import mentions
from agent.analysis.metric_rank import rank_metrics
from agent.analysis.roles import TargetFacts, form_of, positive_label, target_facts
from agent.analysis.validation import choose_validation
from agent.brief import (
    Answer,
    Candidate,
    Consequences,
    Doubt,
    Feature,
    MetricChoice,
    Target,
    Task,
    Validation,
)
from agent.labels import spelled_as_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.analysis.target_choice import Asking


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a reading is made from: the tables, the columns asked for, and the words about the metric.

    `id_column` is the column that alone names a row, None where there is none: several may do so together.
    """

    tables: Tables
    asked: tuple[str, ...]
    id_column: str | None
    description: str
    evaluation_metric: str | None


class Fields(TypedDict):
    """The part of a brief that hangs on the choice of targets."""

    targets: tuple[Target, ...]
    task: Task
    answer: Answer
    classes: tuple[str, ...]
    positive_label: str | None
    metric: MetricChoice
    validation: Validation
    features: tuple[Feature, ...]
    dropped: dict[str, str]


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from a metric."""

    metric: MetricChoice
    task: Task
    answer: Answer
    classes: tuple[str, ...]
    positive_label: str | None
    guess: str | None
    validation: Validation


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from one choice of targets; of `forms` the first is taken, the others are as likely."""

    targets: tuple[Target, ...]
    forms: tuple[Form, ...]
    features: tuple[Feature, ...]
    dropped: dict[str, str]
    notes: tuple[str, ...]

    def fields(self) -> Fields:
        """What a brief takes from the reading."""
        form = self.forms[0]
        return Fields(
            targets=self.targets,
            task=form.task,
            answer=form.answer,
            classes=form.classes,
            positive_label=form.positive_label,
            metric=form.metric,
            validation=form.validation,
            features=self.features,
            dropped=self.dropped,
        )


def read_as(asking: Asking, evidence: Evidence) -> Reading:
    """All that follows where these are the targets.  Raises RolesError (target_empty)."""
    tables = evidence.tables
    names = [target.train_column for target in asking.targets]
    facts = target_facts(
        [tables.train_text[name] for name in names],
        [tables.train[name] for name in names],
        [tables.sample_text[name] for name in evidence.asked],
        class_columns=asking.by_class is not None,
        more_labels=[label for name in names for label in tables.labels.get(name, ())],
    )
    metrics = rank_metrics(evidence.evaluation_metric, mentions(evidence.description), facts)
    features, dropped = sort_columns(tables.train, tables.test, id_column=evidence.id_column, targets=names)
    tasks = {form_of(metric.name, facts).task for metric in metrics}
    split = {
        task: choose_validation(
            tables.train, tables.test, task=task, features=features, id_column=evidence.id_column
        )
        for task in tasks
    }
    forms = tuple(_form(metric, facts, asking, evidence, split) for metric in metrics)
    return Reading(
        targets=asking.targets,
        forms=forms,
        features=features,
        dropped=dropped,
        notes=tuple(_notes(tables, names, forms[0])),
    )


def doubts_about(meant: Sequence[Asking], readings: Sequence[Reading]) -> tuple[Doubt, ...]:
    """What the rules leave open: the target, and for the first reading its metric and positive label."""
    doubts: list[Doubt] = []
    if len(meant) > 1:
        candidates = tuple(
            Candidate(
                name=asking.targets[0].train_column,
                evidence=asking.evidence,
                then=Consequences(**reading.fields()),
            )
            for asking, reading in zip(meant, readings, strict=True)
        )
        asked = meant[0].targets[0].submission_column
        question = f"Which column of train does the submission's {asked!r} answer?"
        doubts.append(Doubt(topic="target", question=question, candidates=candidates))
    forms = readings[0].forms
    if len(forms) > 1:
        question = "By which metric is the competition scored?"
        candidates = tuple(_of_metric(form, forms[0]) for form in forms)
        doubts.append(Doubt(topic="metric", question=question, candidates=candidates))
    guess = next((form.guess for form in forms if form.guess is not None), None)
    if guess is not None:
        candidates = tuple(
            Candidate(name=label, evidence=guess, then=Consequences(positive_label=label))
            for label in reversed(forms[0].classes)
        )
        question = "Which label is the positive one, the chance of which is asked for?"
        doubts.append(Doubt(topic="positive label", question=question, candidates=candidates))
    return tuple(doubts)


def _of_metric(form: Form, first: Form) -> Candidate:
    """A metric as a candidate; of the same classes the positive one stays what it was settled to be."""
    then = Consequences(
        metric=form.metric,
        task=form.task,
        answer=form.answer,
        classes=form.classes,
        positive_label=UNSET if form.classes == first.classes else form.positive_label,
        validation=form.validation,
    )
    return Candidate(name=form.metric.name, evidence=form.metric.evidence, then=then)


def _form(
    metric: MetricChoice,
    facts: TargetFacts,
    asking: Asking,
    evidence: Evidence,
    split: Mapping[Task, Validation],
) -> Form:
    form = form_of(metric.name, facts)
    classes: tuple[str, ...] = ()
    if asking.by_class is not None:
        classes = asking.by_class.classes
    elif form.task != "regression":
        answers = evidence.tables.sample_text[evidence.asked[0]]
        classes = spelled_as_in(answers, facts.labels) if form.answer == "label" else facts.labels
    positive, guess = positive_label(classes, evidence.description)
    # Of a plain label, right or wrong, it is all one which is the positive.
    matters = form.answer == "probability" or metric.name == "f1"
    return Form(
        metric=metric,
        task=form.task,
        answer=form.answer,
        classes=classes,
        positive_label=positive,
        guess=guess if matters else None,
        validation=split[form.task],
    )


def _notes(tables: Tables, targets: Sequence[str], form: Form) -> list[str]:
    notes = [form.guess] if form.guess else []
    if not form.metric.certain:
        notes.append(f"{form.metric.evidence} Taken is {form.metric.name}.")
    for name in targets:
        empty = tables.train_text[name].null_count()
        if empty:
            notes.append(f"{empty} rows of train have no {name}: leave them out.")
    return notes
