"""Which kinds of models learn, in which order, and how the boosted trees among them grow.  Pure rules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from agent.planning.means import FEW_ROWS, passes_of

if TYPE_CHECKING:
    from agent.brief import Brief
    from agent.planning.means import Means
    from agent.planning.objective import Objective

Member: TypeAlias = Literal[
    "LightGBM",
    "RandomSplits",
    "XGBoost",
    "Linear",
    "Kernel",
    "Network",
    "ExtraTrees",
    "Neighbours",
    "LargeTrees",
    "SmallTrees",
]

_WIDE_COLUMNS: Final = 150
_NARROW_COLUMNS: Final = 12
_SMALL_ROWS: Final = 2_000
_NEIGHBOURS_ROWS_MAX: Final = 20_000
_KERNEL_PAIRS_PER_S: Final = 600_000
"""Pairs of rows that one thread may compare, for each second of the budget: a twentieth of it or so."""

_KERNEL_ROWS_MAX: Final = 20_000
_SLOWEST_SHARE: Final = 0.4
"""Of the time, that a member at the limit of what is done at all may need."""

_KERNEL_FITS_OF_CLASSES: Final = 3
"""Chances are learnt from rows that a machine has not seen: it is fitted once more for each part."""


class Boosting(msgspec.Struct, frozen=True, kw_only=True):
    """How the models grow: parameters of each library, and when they stop."""

    lightgbm: dict[str, Any]
    xgboost: dict[str, Any]
    rounds: int
    patience: int


def members_of(brief: Brief, outputs: int, means: Means) -> tuple[Member, ...]:
    """Boosted trees always; the others, which cannot stop half way, where they are quick.

    Trees of other sizes come last: they are for a second pass.
    """
    sizes: tuple[Member, ...] = ("LargeTrees", "SmallTrees") if passes_of(means) > 1 else ()
    others = [member for member, load in _loads(brief, outputs, means).items() if load < 1]
    # Of many columns and classes boosting needs long, and the others tell as much: they go first.
    if outputs > 2 and len(brief.features) > _WIDE_COLUMNS:
        first: tuple[Member, ...] = ("Kernel", "LightGBM") if "Kernel" in others else ("LightGBM",)
        rest = [member for member in ("Network", "ExtraTrees", "Linear", "Neighbours") if member in others]
        return (*first, *rest, "RandomSplits", "XGBoost", *sizes)
    return ("LightGBM", "RandomSplits", "XGBoost", *others, *sizes)


def needs_of(brief: Brief, outputs: int, means: Means) -> dict[str, float]:
    """What part of the time those members may take that cannot stop half way."""
    loads = _loads(brief, outputs, means)
    return {member: round(_SLOWEST_SHARE * load, 3) for member, load in loads.items() if load < 1}


def _loads(brief: Brief, outputs: int, means: Means) -> dict[Member, float]:
    """How much work the others are, beside the most that they may be: 1."""
    rows = brief.train.rows
    load = rows * len(brief.features) / means.seconds / means.threads
    pairs = rows**2 * (1 if brief.answer == "value" else _KERNEL_FITS_OF_CLASSES)
    kernel = pairs / (_KERNEL_PAIRS_PER_S * means.seconds * means.threads)
    return {
        "Linear": load * outputs / 50_000,
        "Kernel": kernel if rows <= _KERNEL_ROWS_MAX else math.inf,
        "Network": load / 20_000,
        "ExtraTrees": load / 100_000,
        "Neighbours": load / 100_000 if rows < _NEIGHBOURS_ROWS_MAX else math.inf,
    }


def _learning_rate(brief: Brief, outputs: int, seconds: float) -> float:
    """Slow learning is better learning where there is time: cells learnt from in a round, per second."""
    cells = brief.train.rows * len(brief.features) * outputs
    load = cells / max(1.0, min(seconds, 600.0))
    if load < 1_000:
        return 0.03
    return 0.05 if load < 100_000 else 0.1


def boosting_of(objective: Objective, brief: Brief, outputs: int, means: Means) -> Boosting:
    """How trees grow on so much data in so much time."""
    rows, rate = brief.train.rows, _learning_rate(brief, outputs, means.seconds)
    small, wide = rows < _SMALL_ROWS, len(brief.features) > _WIDE_COLUMNS
    # Of few columns a tree needs nearly all; of many pixels a few tell as much as all of them.
    share = 0.2 if wide else 0.6 if len(brief.features) > _NARROW_COLUMNS else 0.9
    lightgbm: dict[str, Any] = {
        "objective": objective.lightgbm,
        "metric": objective.lightgbm_metric,
        "learning_rate": rate,
        "num_leaves": 12 if small else 31,
        "min_data_in_leaf": 10 if rows < FEW_ROWS else 20,
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
