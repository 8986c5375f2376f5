"""The names that people give to metrics, as patterns: a table for `agent.analysis.metric_choice`."""

from __future__ import annotations

import re
from typing import Final

_GAP: Final = r"[-_\s]*"
_F1: Final = r"(?:F[-_\s]?1|F)[-_\s]*(?:score|measure)|F[-_]?1"


def _words(*names: str) -> str:
    """Names in any case, their words parted by blanks, hyphens, or nothing (as in MeanAbsoluteError)."""
    parted = (name.replace(" ", _GAP) for name in names)
    return "|".join(f"(?<![A-Za-z]){name}(?![a-z])" for name in parted)


def _compiled(*names: str, acronyms: str = "") -> re.Pattern[str]:
    exact = rf"|(?<![A-Za-z])(?:{acronyms})(?![A-Za-z])" if acronyms else ""
    return re.compile(f"(?i:{_words(*names)}){exact}" if names else exact.removeprefix("|"))


RANKED: Final = _compiled(
    r"map ?@ ?\{?(?P<k>\d+|k)\}?",
    r"mean average precision ?(?:@|at)(?: (?:cut off|rank|top))? ?\{?(?P<count>\d+|k)\}?",
)
"""Mean average precision of the first k labels; the groups k or count hold the number, or the letter."""

# The longer name stands first: what it matched is not looked at again, so that "root mean squared
# logarithmic error" is not also a mean squared error.
PATTERNS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("mcrmse", _compiled("mean column ?wise (?:root mean squared? error|rmse)", "mcrmse")),
    ("rmsle", _compiled("root mean squared? log(?:arithmic)? error", "rmsle")),
    ("rmspe", _compiled("root mean squared? percentage error", "rmspe")),
    ("rmse", _compiled("root (?:of the )?mean squared? (?:error|deviation)", "rms error", "rmse", "rmsd")),
    ("smape", _compiled("symmetric mean absolute percent(?:age)? error", "symmetric mape", "smape")),
    ("mape", _compiled("mean absolute percent(?:age)? error", "mape")),
    ("medae", _compiled("median (?:of the )?absolute (?:error|deviation)s?", "medae")),
    (
        "mae",
        _compiled("(?:mean|average) (?:of the )?absolute (?:error|deviation|difference)s?", acronyms="MAE"),
    ),
    ("mse", _compiled("mean squared? error", acronyms="MSE")),
    (
        "average_precision",
        _compiled(
            *("area under (?:the )?(?:precision recall|pr)(?: curve)?", "precision recall auc"),
            *("auprc", "pr auc", "auc pr", "average precision"),
        ),
    ),
    (
        "roc_auc",
        _compiled(
            *("area under (?:the )?(?:roc|receiver operating characteristics?)(?: curve)?", "roc auc"),
            *("auc roc", "auroc", "auc", "area under (?:the )?curve", "receiver operating characteristics?"),
        ),
    ),
    ("gini", _compiled("(?:normali[sz]ed )?gini(?: coefficient| index)?")),
    (
        "log_loss",
        _compiled(
            *("(?:multi ?class )?log(?:arithmic)? ?loss", "cross entropy", "multi ?class loss"),
            "negative log likelihood",
        ),
    ),
    ("f1_macro", _compiled(rf"macro (?:averaged? )?(?:{_F1})", rf"(?:{_F1}) ?[(,]? ?macro")),
    ("f1_micro", _compiled(rf"micro (?:averaged? )?(?:{_F1})", rf"(?:{_F1}) ?[(,]? ?micro")),
    ("f1_weighted", _compiled(rf"weighted (?:averaged? )?(?:{_F1})", rf"(?:{_F1}) ?[(,]? ?weighted")),
    ("f1", _compiled(rf"(?:mean )?(?:{_F1})")),
    ("mcc", _compiled("matthews'? correlation(?: coefficient)?", acronyms="MCC")),
    (
        "qwk",
        _compiled(
            *("quadratic(?:ally)? weighted (?:cohen'?s )?kappa", "weighted kappa", "qwk", "quadratic kappa"),
            "kappa (?:score |statistic )?(?:with|using) quadratic weight(?:s|ing)?",
        ),
    ),
    (
        "balanced_accuracy",
        _compiled(
            "balanced (?:classification |categori[sz]ation )?accuracy",
            *("macro (?:averaged? )?recall", "unweighted average recall"),
            "(?:mean|average) (?:of the )?recalls? (?:of|over|for) (?:each|all|the|every) class",
            "(?:mean|average) (?:of the )?per class recalls?",
        ),
    ),
    (
        "accuracy",
        _compiled(
            "(?:classification |categori[sz]ation )?accuracy",
            r"(?:percentage|fraction|proportion|share) of [^.]{0,60}correct(?:ly)?",
        ),
    ),
    ("pearson", _compiled(r"pearson(?:'s)?(?: r| correlation)?(?: coefficient)?")),
    ("spearman", _compiled(r"spearman(?:'s)?(?: rank)?(?: correlation)?(?: coefficient)?")),
    ("r2", _compiled("r squared", "r2 score", "coefficient of determination", acronyms=r"R\^?\{?2\}?|R²")),
)
