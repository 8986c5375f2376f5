"""Decides how a competition is to be solved: from a brief to the choices that a solution is made of.

Pure rules.  The words in a `Plan` that name choices (`steps`, `decide`, ...) are names of functions in
`agent.codegen.templates`; `agent.codegen.solution` puts those functions, and no others, into solution.py.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from agent.planning.objective import Objective, objective_of

if TYPE_CHECKING:
    from agent.brief import Brief, Feature, Validation

Member: TypeAlias = Literal[
    "LightGBM", "RandomSplits", "XGBoost", "Linear", "Kernel", "Network", "ExtraTrees", "Neighbours"
]

_CODES_MAX: Final = 60
"""A category of more values is given the target's means instead of codes of its own."""

_CODED_NUMBER: Final = re.compile(r"(^|[_\s])(id|code|zip|zipcode|postcode)$|Id$|ID$|Code$|SubClass$")
_QUICK_BUDGET_S: Final = 90.0
_WIDE_COLUMNS: Final = 150
_NARROW_COLUMNS: Final = 12
_SMALL_ROWS: Final = 2_000
_FEW_ROWS: Final = 5_000
_OUTPUTS_ENCODED_MAX: Final = 12
"""With more classes a column of means for each of them and each category would drown the rest."""

_CELLS_MAX: Final = 60_000_000
"""Numbers in the table learnt from: more rows than fit are sampled."""

_BYTES_PER_CELL: Final = 28
_BYTES_PER_CELL_AND_MODEL: Final = 12
"""Text as it was read and 4 bytes as a number; for each model that learns, its own copy and its library's."""

_MEMORY_SHARE: Final = 0.5
_CELLS_PER_S: Final = 250_000
"""What one thread takes through reading, features and three folds of a few rounds in a second, at worst."""

_TEXT_CELLS: Final = 40
"""A text is about as much work as so many numbers."""

_PASS_S: Final = 10.0
_PASSES_MAX: Final = 10
_NEIGHBOURS_ROWS_MAX: Final = 20_000
_KERNEL_PAIRS_PER_S: Final = 600_000
"""Pairs of rows that one thread may compare, for each second of the budget: a twentieth of it or so."""

_KERNEL_ROWS_MAX: Final = 20_000
_KERNEL_FITS_OF_CLASSES: Final = 3
"""Chances are learnt from rows that a machine has not seen: it is fitted once more for each part."""


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """The brief's features by how they are turned into numbers; a column may be used in several ways."""

    numbers: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    many_valued: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


class Boosting(msgspec.Struct, frozen=True, kw_only=True):
    """How the models grow: parameters of each library, and when they stop."""

    lightgbm: dict[str, Any]
    xgboost: dict[str, Any]
    rounds: int
    patience: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Every choice made before training; `reasons` says why, by the name of the choice.

    All `members` are fitted, then again from other seeds, `passes` times at most, to at most `rows_max` rows.
    `seconds` is what solution.py may take, `threads` how many processors it may use.
    """

    objective: Objective
    columns: Columns
    steps: tuple[str, ...]
    encoders: tuple[str, ...]
    split: str
    learn_from: str
    for_test: str
    folds: int
    split_columns: tuple[str, ...]
    members: tuple[Member, ...]
    boosting: Boosting
    passes: int
    rows_max: int
    seconds: float
    threads: int
    seed: int
    reasons: dict[str, str]


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan may spend: seconds for training in all, processors, memory; and the seed of all chance."""

    seconds: float
    threads: int
    memory_bytes: int
    seed: int


def make_plan(brief: Brief, means: Means, *, target_min: float | None) -> Plan:
    """The plan for a competition; `target_min` is the least number among the targets, None for classes."""
    objective, why = objective_of(brief, target_min)
    columns = _columns(_teaching(brief))
    outputs = len(brief.classes) if objective.learn == "chances" else 1
    steps, encoders = _feature_steps(columns, outputs)
    folds = _folds(brief.train.rows, means)
    split, learn_from, for_test = _split(brief)
    boosting = _boosting(objective, brief, outputs, means)
    passes = int(min(_PASSES_MAX, max(1.0, means.seconds // _PASS_S)))
    reasons = why | {
        "folds": f"{folds} folds: {brief.train.rows} rows and {means.seconds:.0f} s for training.",
        "split": brief.validation.reason,
        "members": "Kinds of models that err differently; the mix for a fold is chosen on the other folds.",
        "passes": f"Each kind from up to {passes} seeds while time lasts: their mean errs less than one.",
        "steps": f"{len(brief.features)} columns, by kind; rare or many values get the target's means.",
        "boosting": f"Learning rate {boosting.lightgbm['learning_rate']}: so much data, so much time.",
    }
    return Plan(
        objective=objective,
        columns=columns,
        steps=steps,
        encoders=encoders,
        split=split,
        learn_from=learn_from,
        for_test=for_test,
        folds=folds,
        split_columns=_split_columns(brief.validation),
        members=_members(brief, outputs, means),
        boosting=boosting,
        passes=passes,
        rows_max=_rows_max(columns, len(brief.features), means),
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
        members=("LightGBM",),
        folds=min(3, plan.folds),
        passes=1,
        rows_max=max(1_000, plan.rows_max // 4),
        seconds=seconds,
        reasons=plan.reasons | {"members": "The first script failed: one library, numbers and codes only."},
    )


def _teaching(brief: Brief) -> tuple[Feature, ...]:
    """The features without the group that folds keep apart: its values in test are new ones.

    Of a group of two columns a number stays: by itself (a year, say) it may well recur.
    """
    group = _split_columns(brief.validation) if brief.validation.scheme == "group" else ()
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


def _feature_steps(columns: Columns, outputs: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Steps that need no target, and encoders that do."""
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
    encoders = {"target_means": columns.many_valued and few, "text_scores": columns.texts and few}
    return (
        tuple(name for name, wanted in steps.items() if wanted),
        tuple(name for name, wanted in encoders.items() if wanted),
    )


def _members(brief: Brief, outputs: int, means: Means) -> tuple[Member, ...]:
    """Boosted trees always; the others, which cannot stop half way, where they are quick."""
    cells = brief.train.rows * len(brief.features)
    load = cells / means.seconds / means.threads
    others: list[Member] = []
    if load * outputs < 50_000:
        others.append("Linear")
    pairs = brief.train.rows**2 * (1 if brief.answer == "value" else _KERNEL_FITS_OF_CLASSES)
    few = brief.train.rows <= _KERNEL_ROWS_MAX
    if few and pairs < _KERNEL_PAIRS_PER_S * means.seconds * means.threads:
        others.append("Kernel")
    if load < 20_000:
        others.append("Network")
    if load < 100_000:
        others.append("ExtraTrees")
    if load < 100_000 and brief.train.rows < _NEIGHBOURS_ROWS_MAX:
        others.append("Neighbours")
    # Of many columns and classes boosting needs long, and the others tell as much: they go first.
    if outputs > 2 and len(brief.features) > _WIDE_COLUMNS:
        first: tuple[Member, ...] = ("Kernel", "LightGBM") if "Kernel" in others else ("LightGBM",)
        rest = [member for member in ("Network", "ExtraTrees", "Linear", "Neighbours") if member in others]
        return (*first, *rest, "RandomSplits", "XGBoost")
    return ("LightGBM", "RandomSplits", "XGBoost", *others)


def _folds(rows: int, means: Means) -> int:
    """Five, as is usual; fewer where rows or time are short, more where rows are few and time is not.

    Folds are learnt side by side, one on each processor: a number that leaves none idle costs no more time.
    """
    if means.seconds < _QUICK_BUDGET_S / 3 or rows < 30:
        folds = 3
    elif rows < _FEW_ROWS and means.seconds > _QUICK_BUDGET_S:
        folds = 8
    else:
        folds = 4 if means.seconds <= _QUICK_BUDGET_S and rows > 100_000 else 5
    return math.ceil(folds / means.threads) * means.threads if means.threads <= folds else folds


def _rows_max(columns: Columns, features: int, means: Means) -> int:
    """As many rows as memory and time have room for."""
    at_once = min(means.threads, _folds(_FEW_ROWS, means))
    bytes_per_cell = _BYTES_PER_CELL + _BYTES_PER_CELL_AND_MODEL * at_once
    cells = min(
        _CELLS_MAX,
        int(_MEMORY_SHARE * means.memory_bytes / bytes_per_cell),
        int(_CELLS_PER_S * means.threads * means.seconds),
    )
    return max(1_000, cells // (features + 10 + _TEXT_CELLS * len(columns.texts)))


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


def _split_columns(validation: Validation) -> tuple[str, ...]:
    if validation.scheme not in {"group", "time", "blocks"}:
        return ()
    return tuple(column for column in (validation.column, validation.second_column) if column is not None)


def _learning_rate(brief: Brief, outputs: int, seconds: float) -> float:
    """Slow learning is better learning where there is time: cells learnt from in a round, per second."""
    cells = brief.train.rows * len(brief.features) * outputs
    load = cells / max(1.0, min(seconds, 600.0))
    if load < 1_000:
        return 0.03
    return 0.05 if load < 100_000 else 0.1


def _boosting(objective: Objective, brief: Brief, outputs: int, means: Means) -> Boosting:
    rows, rate = brief.train.rows, _learning_rate(brief, outputs, means.seconds)
    small, wide = rows < _SMALL_ROWS, len(brief.features) > _WIDE_COLUMNS
    # Of few columns a tree needs nearly all; of many pixels a few tell as much as all of them.
    share = 0.2 if wide else 0.6 if len(brief.features) > _NARROW_COLUMNS else 0.9
    lightgbm: dict[str, Any] = {
        "objective": objective.lightgbm,
        "metric": objective.lightgbm_metric,
        "learning_rate": rate,
        "num_leaves": 12 if small else 31,
        "min_data_in_leaf": 10 if rows < _FEW_ROWS else 20,
        "feature_fraction": share,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 2.0,
        "max_bin": 63 if wide else 255,
        "min_data_per_group": 20,
        "cat_smooth": 20.0,
        "deterministic": True,
        "force_col_wise": True,
    }
    xgboost: dict[str, Any] = {
        "objective": objective.xgboost,
        "eval_metric": objective.xgboost_metric,
        "eta": rate,
        "max_depth": 4 if small else 6,
        "min_child_weight": 2.0,
        "subsample": 0.8,
        "colsample_bytree": share,
        "lambda": 2.0,
        "max_bin": 64 if wide else 256,
        "tree_method": "hist",
    }
    if objective.learn == "chances":
        lightgbm["num_class"] = xgboost["num_class"] = outputs
    return Boosting(
        lightgbm=lightgbm, xgboost=xgboost, rounds=int(60 / rate), patience=max(25, int(1.5 / rate))
    )
