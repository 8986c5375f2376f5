"""Reads what a solution left behind, as untrusted input, and scores it against the truth.

A score that a script prints counts for nothing: the agent takes the script's out-of-fold predictions, in
the words of a submission, and computes the metric itself.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final

import polars as pl

from agent.metrics import score
from events.progress import ModelEvaluated

if TYPE_CHECKING:
    from pathlib import Path

    from agent.brief import Brief

_CELL_BYTES_MAX: Final = 256
_FOLDS_MAX: Final = 50
_FEATURE_CHARS_MAX: Final = 60
_PLACES: Final = ["row", "fold"]


class OutputError(Exception):
    """A file that a solution left is not what it must be; the message says what is wrong with it."""


def _is_plain_file(path: Path, bytes_max: int) -> bool:
    """Whether there is a regular file (no link to somewhere else) of at most `bytes_max`."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size <= bytes_max


def answer_columns(brief: Brief) -> list[str]:
    """The submission's columns without the id, in the order in which targets or classes are named."""
    if brief.answer == "class_probabilities":
        return [name for name in brief.sample.columns if name not in brief.ids]
    return [target.submission_column for target in brief.targets]


def read_out_of_fold(path: Path, brief: Brief) -> pl.DataFrame:
    """Out-of-fold predictions: `row` (of train) and `fold` as Int64, and the answer's columns as String.

    Raises OutputError where the file is no such table: other columns, rows that train has not or twice,
    empty cells.
    """
    columns = [*_PLACES, *answer_columns(brief)]
    if not _is_plain_file(path, _CELL_BYTES_MAX * (brief.train.rows + 1) * len(columns)):
        raise OutputError(f"{path.name} is missing, no plain file, or too large.")
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise OutputError(f"{path.name} is not a table.") from error
    if frame.columns != columns or frame.height == 0:
        raise OutputError(f"{path.name} does not have the columns {columns[:5]}, or no rows.")
    frame = frame.with_columns(pl.col(_PLACES).cast(pl.Int64, strict=False))
    if sum(frame.null_count().row(0)):
        raise OutputError(f"{path.name} has empty cells.")
    if not frame["row"].is_between(0, brief.train.rows - 1).all() or frame["row"].is_duplicated().any():
        raise OutputError(f"{path.name} names rows that train does not have, or twice.")
    if frame["fold"].n_unique() > _FOLDS_MAX:
        raise OutputError(f"{path.name} has more than {_FOLDS_MAX} folds.")
    return frame.sort("row")


def evaluate(model: str, out_of_fold: pl.DataFrame, train: pl.DataFrame, brief: Brief) -> ModelEvaluated:
    """The metric over all out-of-fold rows and on each fold alone.

    `train` has the targets' train columns for every row of train.  A fold on which the metric is not
    defined (no row of one of two classes, say) is left out of `fold_scores`.

    Raises OutputError where the predictions do not fit the metric.
    """
    try:
        overall = overall_score(out_of_fold, train, brief)
    except OutputError as error:
        raise OutputError(f"The predictions of {model} cannot be scored: {error}") from error
    metric = brief.metric
    return ModelEvaluated(
        model=model,
        metric=metric.name,
        maximize=metric.maximize,
        score=overall,
        fold_scores=tuple(fold_scores(out_of_fold, train, brief).values()),
    )


def overall_score(out_of_fold: pl.DataFrame, train: pl.DataFrame, brief: Brief) -> float:
    """The metric over all out-of-fold rows.  Raises OutputError where they do not fit it."""
    try:
        return _score(out_of_fold, train, brief)
    except ValueError as error:
        raise OutputError(str(error)) from error


def fold_scores(out_of_fold: pl.DataFrame, train: pl.DataFrame, brief: Brief) -> dict[int, float]:
    """The metric on each fold alone, by its number; without those on which it is not defined."""
    scores: dict[int, float] = {}
    for fold in sorted(out_of_fold["fold"].unique()):
        try:
            scores[fold] = _score(out_of_fold.filter(pl.col("fold") == fold), train, brief)
        except ValueError:
            continue
    return scores


def _score(out_of_fold: pl.DataFrame, train: pl.DataFrame, brief: Brief) -> float:
    return score(
        brief.metric.name,
        truth=train[out_of_fold["row"]],
        predicted=out_of_fold.drop(_PLACES),
        targets=brief.targets,
        classes=brief.classes,
        positive_label=brief.positive_label,
    )


def constant_out_of_fold(answer: pl.DataFrame, brief: Brief) -> pl.DataFrame:
    """What a submission that answers every row alike would have said of each row of train, as one fold.

    `answer` is that submission as text; targets that train does not know are left in.
    """
    cells = answer.select(answer_columns(brief)).head(1)
    rows = pl.DataFrame({"row": pl.int_range(brief.train.rows, eager=True)})
    return rows.with_columns(pl.lit(0, dtype=pl.Int64).alias("fold")).join(cells, how="cross")


def read_importance(path: Path, count: int) -> tuple[tuple[str, float], ...]:
    """The `count` columns that the models gained most from, with their shares; none where unreadable."""
    if not _is_plain_file(path, 10_000_000):
        return ()
    try:
        frame = pl.read_csv(path, infer_schema=False)
        shares = frame["gain"].cast(pl.Float64, strict=False)
        names = frame["feature"]
    except pl.exceptions.PolarsError:
        return ()
    found = [
        (str(name)[:_FEATURE_CHARS_MAX], share)
        for name, share in zip(names, shares, strict=True)
        if share is not None and 0.0 <= share <= 1.0
    ]
    return tuple(found[:count])
