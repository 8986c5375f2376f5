"""What a solution is told: every choice of the plan, as one literal at the top of solution.py."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Table:
    """A file in the data folder and how it is written down."""

    path: str
    delimiter: str = ","
    encoding: str = "utf-8"
    decimal_comma: bool = False


@dataclass(frozen=True, kw_only=True)
class Config:
    """All that was decided before training; edit the literal below to try something else."""

    train: Table
    test: Table
    sample: Table
    id_column: str
    ids_in_test: bool
    targets: dict[str, str]  # column of train -> column of the submission
    classes: tuple[str, ...]  # labels as a submission writes them; empty where a number is predicted
    positive: str  # the class whose chance a binary model gives; empty where there is none
    numbers: tuple[str, ...]
    dates: tuple[str, ...]
    categories: tuple[str, ...]
    many_valued: tuple[str, ...]  # categories with too many values for codes
    texts: tuple[str, ...]
    learn: str  # "number", "chance" (of the positive class) or "chances" (of each class)
    metric: str
    folds: int
    split_columns: tuple[str, ...]  # the group, or the time, that folds respect
    log_target: bool  # learn log(1 + y)
    lightgbm: dict[str, Any]
    xgboost: dict[str, Any]
    rounds: int  # boosting rounds at most
    patience: int  # rounds without gain on the held-back fold before a model stops
    seconds: float
    threads: int
    seed: int
