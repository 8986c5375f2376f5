"""Puts the metrics that may be meant in order: named by Kaggle, by the prose, else what suits the target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.analysis.metric_choice import named_by_field
from agent.analysis.roles import fallback_metric, fits
from agent.brief import MetricChoice
from agent.formulas import VALUE_FORMULAS
from agent.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.analysis.metric_choice import Mention
    from agent.analysis.roles import TargetFacts

_NEARLY: Final = 2
"""Mentions whose weights differ by less have the same standing."""

_STRONG: Final = 7
"""The weight of a verdict under a heading about scoring: it may gainsay Kaggle's own field."""

_NEAREST: Final[dict[bool, tuple[str, ...]]] = {
    True: ("rmse", "mae", "rmsle", "mape", "smape", "r2", "medae", "pearson", "spearman"),
    False: (
        *("accuracy", "log_loss", "roc_auc", "f1", "f1_macro", "balanced_accuracy", "mcc", "qwk"),
        "average_precision",
    ),
}
"""What to ask about where nothing is named: for numbers (True) and for classes."""

_F1_OF_MANY: Final = ("f1_macro", "f1_weighted", "f1_micro")


def rank_metrics(field: str | None, found: Sequence[Mention], facts: TargetFacts) -> tuple[MetricChoice, ...]:
    """The metric to take, then those that the words allow just as well; each can grade the target.

    `field` is Kaggle's own, `found` what the description names, weightiest first.  Where nothing that fits
    is named the first is the nearest proper score, with `certain` False.
    """
    named = named_by_field(field) if field else None
    by_field = list(_meant(named, field or "", facts)) if named else []
    mentioned = [(mention.weight, choice) for mention in found for choice in _meant_by(mention, facts)]
    if by_field:
        prose = [choice for weight, choice in mentioned if weight >= _STRONG]
        # The prose counts against the field only where it names one other metric and not the field's too.
        agreed = not prose or any(choice.name == by_field[0].name for choice in prose)
        return _distinct(by_field if agreed else [*by_field, prose[0]])
    if mentioned:
        top = mentioned[0][0]
        likely = [choice for weight, choice in mentioned if weight > top - _NEARLY]
        exact = {choice.name for choice in likely if choice.certain}
        # An F1 without its kind is the F1 that is named with it elsewhere.
        spoken = not exact.isdisjoint(_F1_OF_MANY)
        return _distinct([choice for choice in likely if choice.certain or not spoken])
    unknown = f"No known metric is named ({field!r})." if field else "No known metric is named."
    nearest = fallback_metric(facts)
    others = [name for name in _NEAREST[nearest in VALUE_FORMULAS] if fits(name, facts)]
    return _distinct([_choice(name, unknown, certain=False) for name in (nearest, *others)])


def _meant_by(mention: Mention, facts: TargetFacts) -> Iterator[MetricChoice]:
    return _meant(mention.metric, mention.sentence, facts)


def _meant(name: str, evidence: str, facts: TargetFacts) -> Iterator[MetricChoice]:
    """What a named metric means for such a target; nothing where it cannot grade it."""
    if name == "rmse" and facts.targets > 1:
        name = "mcrmse"
    if name == "mcrmse" and facts.targets == 1:
        name = "rmse"
    vague = name == "f1" and len(facts.labels) > 2
    for metric in _F1_OF_MANY if vague else (name,):
        if metric in METRICS and fits(metric, facts):
            yield _choice(metric, evidence, certain=not vague)


def _choice(name: str, evidence: str, *, certain: bool) -> MetricChoice:
    return MetricChoice(name=name, maximize=METRICS[name].maximize, evidence=evidence, certain=certain)


def _distinct(choices: Sequence[MetricChoice]) -> tuple[MetricChoice, ...]:
    first: dict[str, MetricChoice] = {}
    for choice in choices:
        first.setdefault(choice.name, choice)
    return tuple(first.values())
