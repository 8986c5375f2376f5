"""What a solution is told: every choice of the plan, as one literal at the top of solution.py."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table's files in the data folder, whose rows follow each other, and how they are written down."""

    paths: tuple[str, ...]
    delimiter: str = ","
    encoding: str = "utf-8"
    decimal_comma: bool = False


@dataclass(frozen=True, kw_only=True)
class Side:
    """A table that is joined to train and test by its keys, the same for both or one for either."""

    train: Table | None
    test: Table | None
    keys: dict[str, str]  # column of train and test -> what it is called in the side table
    columns: dict[str, str]  # column of the side table -> its name beside the others
    count: str  # name for the number of rows of a key, whose numbers are averaged; empty where it has one


@dataclass(frozen=True, kw_only=True)
class Config:
    """All that was decided before training; edit the literal below to try something else."""

    train: Table
    test: Table
    sample: Table
    sides: tuple[Side, ...]
    id_column: str
    more_ids: tuple[str, ...]  # further columns that a submission has as the sample has them
    ids_in_test: bool
    test_id_column: str  # test's name for the ids; empty where it is the submission's
    test_names: dict[str, str]  # what test calls a column otherwise -> its name in train
    targets: dict[str, str]  # column of train -> column of the submission
    classes: tuple[str, ...]  # labels as a submission writes them; empty where a number is predicted
    positive: str  # the class whose chance a binary model gives; empty where there is none
    numbers: tuple[str, ...]
    dates: tuple[str, ...]
    categories: tuple[str, ...]
    many_valued: tuple[str, ...]  # categories with too many values for codes
    texts: tuple[str, ...]
    missing_marks: dict[str, float]  # column -> the number that stands for a missing one
    learn: str  # "number", "chance" (of the positive class) or "chances" (of each class)
    metric: str
    folds: int
    split_columns: tuple[str, ...]  # the group, or the time, that folds respect
    gap: float  # how long the stretches are that test takes out of train's time; 0 where it takes none
    log_target: bool  # learn log(1 + y)
    lightgbm: dict[str, Any]
    xgboost: dict[str, Any]
    rounds: int  # boosting rounds at most
    patience: int  # rounds without gain on the held-back rows before a model stops
    needs: dict[str, float]  # kind that cannot stop half way -> part of the time that it may take
    passes: int  # how often all models are fitted, each time from another seed
    train_rows: int  # rows of train in all
    rows_max: int  # rows of train to learn from at most
    seconds: float
    threads: int
    seed: int
