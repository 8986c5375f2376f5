"""Decides how a competition is to be solved: from a brief to the choices that a solution is made of.

Pure rules.  The words in a `Plan` that name choices (`steps`, `decide`, ...) are names of functions in
`agent.codegen.templates`; `agent.codegen.solution` puts those functions, and no others, into solution.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from agent.planning.inputs import Columns, columns_of, feature_steps, split_columns
from agent.planning.learners import Boosting, Member, boosting_of, members_of, needs_of
from agent.planning.means import folds_of, passes_of, rows_max
from agent.planning.objective import Objective, objective_of

if TYPE_CHECKING:
    from agent.brief import Brief
    from agent.planning.means import Means


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Every choice made before training; `reasons` says why, by the name of the choice.

    All `members` are fitted, then again from other seeds, `passes` times at most, to at most `rows_max` rows.
    `needs` is the part of the time that a member which cannot stop half way may take.
    `seconds` is what solution.py may take, `threads` how many processors it may use.
    """

    objective: Objective
    columns: Columns
    steps: tuple[str, ...]
    encoders: tuple[str, ...]
    options: tuple[str, ...]
    split: str
    learn_from: str
    for_test: str
    folds: int
    split_columns: tuple[str, ...]
    members: tuple[Member, ...]
    needs: dict[str, float]
    boosting: Boosting
    passes: int
    rows_max: int
    seconds: float
    threads: int
    seed: int
    reasons: dict[str, str]


def make_plan(brief: Brief, means: Means, *, target_min: float | None) -> Plan:
    """The plan for a competition; `target_min` is the least number among the targets, None for classes."""
    objective, why = objective_of(brief, target_min)
    columns = columns_of(brief)
    outputs = len(brief.classes) if objective.learn == "chances" else 1
    steps, encoders, options = feature_steps(columns, outputs)
    folds = folds_of(brief.train.rows, means)
    split, learn_from, for_test = _split(brief)
    boosting = boosting_of(objective, brief, outputs, means)
    passes = passes_of(means)
    reasons = why | {
        "folds": f"{folds} folds: {brief.train.rows} rows and {means.seconds:.0f} s for training.",
        "split": brief.validation.reason,
        "members": "Kinds of models that err differently; the mix for a fold is chosen on the other folds.",
        "passes": f"Each kind from up to {passes} seeds while time lasts: their mean errs less than one.",
        "steps": f"{len(brief.features)} columns, by kind; rare or many values get the target's means.",
        "options": "What helps with some data only is tried on three folds, and used if it helps there.",
        "boosting": f"Learning rate {boosting.lightgbm['learning_rate']}: so much data, so much time.",
    }
    return Plan(
        objective=objective,
        columns=columns,
        steps=steps,
        encoders=encoders,
        options=options,
        split=split,
        learn_from=learn_from,
        for_test=for_test,
        folds=folds,
        split_columns=split_columns(brief.validation),
        members=members_of(brief, outputs, means),
        needs=needs_of(brief, outputs, means),
        boosting=boosting,
        passes=passes,
        rows_max=rows_max(columns, len(brief.features), means),
        seconds=means.seconds,
        threads=means.threads,
        seed=means.seed,
        reasons=reasons,
    )


def safer(plan: Plan, seconds: float) -> Plan:
    """A plan with less in it that could fail: one library, numbers and codes, three folds, fewer rows."""
    columns = Columns(numbers=plan.columns.numbers, categories=plan.columns.categories)
    return msgspec.structs.replace(
        plan,
        columns=columns,
        steps=("numbers", "missing_count", "codes"),
        encoders=(),
        options=(),
        members=("LightGBM",),
        folds=min(3, plan.folds),
        passes=1,
        rows_max=max(1_000, plan.rows_max // 4),
        seconds=seconds,
        reasons=plan.reasons | {"members": "The first script failed: one library, numbers and codes only."},
    )


def _split(brief: Brief) -> tuple[str, str, str]:
    match brief.validation.scheme:
        case "group":
            return "group_folds", "others", "mean_of_folds"
        case "blocks":
            return "block_folds", "others", "mean_of_folds"
        case "time":
            return "time_folds", "earlier", "fitted_on_all"
        case "stratified":
            return "stratified_folds", "others", "mean_of_folds"
        case "kfold":
            return "plain_folds", "others", "mean_of_folds"
