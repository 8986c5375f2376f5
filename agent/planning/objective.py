"""What a metric asks of the models: what they learn, by which loss, and how a prediction becomes an answer.

Pure rules; the names are those of functions in `agent.codegen.templates`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from agent.brief import Brief

_ABSOLUTE: Final = frozenset({"mae", "medae", "mape", "smape"})
_RELATIVE: Final = frozenset({"rmspe", "mape", "smape"})
_LIKELIEST: Final = frozenset({"accuracy", "f1_micro"})
_BINARY: Final = {
    "lightgbm": "binary",
    "lightgbm_metric": "binary_logloss",
    "xgboost": "binary:logistic",
    "xgboost_metric": "logloss",
}
_MULTICLASS: Final = {
    "lightgbm": "multiclass",
    "lightgbm_metric": "multi_logloss",
    "xgboost": "multi:softprob",
    "xgboost_metric": "mlogloss",
}
_MEAN: Final = {
    "lightgbm": "regression",
    "lightgbm_metric": "rmse",
    "xgboost": "reg:squarederror",
    "xgboost_metric": "rmse",
}
_MEDIAN: Final = {
    "lightgbm": "regression_l1",
    "lightgbm_metric": "l1",
    # The mean of what a tree's leaf holds, where LightGBM takes the median: the mix may use both.
    "xgboost": "reg:squarederror",
    "xgboost_metric": "mae",
}


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """What is learnt (`target`, `learn`), by which losses, and the rule (`decide`) that makes an answer.

    `positive` is the class whose chance a binary model gives, None where there is none.
    """

    target: str
    learn: Literal["number", "chance", "chances"]
    positive: str | None
    loss: str
    decide: str
    lightgbm: str
    lightgbm_metric: str
    xgboost: str
    xgboost_metric: str


def objective_of(brief: Brief, target_min: float | None) -> tuple[Objective, dict[str, str]]:
    """The objective for a brief, and the reasons by choice.

    `target_min` is the least number among the targets: logarithms need it not to be negative.
    """
    if brief.answer == "value":
        return _of_value(brief.metric.name, target_min)
    if brief.metric.name == "qwk" and len(brief.classes) > 2:
        objective = Objective(
            target="grade_target",
            learn="number",
            positive=None,
            loss="squared_error",
            decide="label_by_cut_points",
            **_MEAN,
        )
        return objective, {
            "target": "Classes are grades: a number keeps their order.",
            "decide": "Cut-points between grades are tuned for the weighted kappa.",
        }
    return _of_classes(brief)


def _of_value(metric: str, target_min: float | None) -> tuple[Objective, dict[str, str]]:
    least = -1.0 if target_min is None else target_min
    logs = (metric == "rmsle" and least >= 0) or (metric in _RELATIVE and least > 0)
    median = metric in _ABSOLUTE
    objective = Objective(
        target="log_target" if logs else "number_target",
        learn="number",
        positive=None,
        loss="absolute_error" if median else "squared_error",
        decide="value",
        **(_MEDIAN if median else _MEAN),
    )
    return objective, {
        "target": f"{metric} counts ratios: the models learn log(1 + y)." if logs else "Learnt as it is.",
        "loss": f"{metric} is least at the {'median' if median else 'mean'}, so that is what is learnt.",
        "decide": "A value within the range of train.",
    }


def _of_classes(brief: Brief) -> tuple[Objective, dict[str, str]]:
    binary = len(brief.classes) == 2
    positive = (brief.positive_label or brief.classes[1]) if binary else None
    decide, why = _decision(brief, binary=binary)
    objective = Objective(
        target="positive_target" if binary else "class_target",
        learn="chance" if binary else "chances",
        positive=positive,
        loss=_class_loss(brief.metric.name, binary=binary),
        decide=decide,
        **(_BINARY if binary else _MULTICLASS),
    )
    learnt = f"The chance of {positive!r}." if binary else "The chance of each class."
    return objective, {"target": learnt, "decide": why}


def _class_loss(metric: str, *, binary: bool) -> str:
    if binary and metric in {"roc_auc", "gini"}:
        return "ranking_loss"
    return "precision_loss" if binary and metric == "average_precision" else "log_loss"


def _decision(brief: Brief, *, binary: bool) -> tuple[str, str]:
    metric = brief.metric.name
    if brief.answer == "probability":
        return "positive_chance", "The submission asks for the chance of one class."
    if brief.answer == "class_probabilities":
        return "chance_of_each", "The submission has a column of chances for each class."
    if metric.startswith("map@"):
        return "ranked_labels", f"{metric} counts the likeliest classes in order."
    if metric in _LIKELIEST:
        return "likeliest_label", f"For {metric} the likeliest class is the best answer."
    if binary:
        return "label_above_threshold", f"The threshold is tuned out of fold for {metric}."
    return "label_by_weights", f"Weights of classes are tuned out of fold for {metric}."
