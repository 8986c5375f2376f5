"""Judges a submission before it is sent, and writes the plainest one that is valid.

The file comes from generated code and is untrusted: it is opened without following links, and no more of
it is read than a sound one could hold.
"""

from __future__ import annotations

import io
import os
import stat
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from agent.cells import to_floats
from agent.labels import as_labels, ordered_classes
from agent.metrics import ranked_count
from agent.training.outputs import answer_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from agent.brief import Brief

_BYTES_PER_CELL_MAX: Final = 256
_BYTES_SPARE: Final = 64 * 1024
_SHOWN: Final = 3
_NOT_A_VALUE: Final = ("", "nan", "null", "<na>")


def check(submission: Path, sample: pl.DataFrame, brief: Brief) -> tuple[str, ...]:
    """What is wrong with a submission, a sentence each; empty where Kaggle would take it.

    `sample` is the sample submission as text.  The submission must be a comma-separated UTF-8 file (no
    link) with the sample's columns in their order, its ids as they are written there, each once and in any
    order, and in every other cell an answer of the brief's form.
    """
    raw = _read_untrusted(submission, sample)
    if isinstance(raw, str):
        return (raw,)
    try:
        found = pl.read_csv(io.BytesIO(raw), infer_schema=False, empty_string_is_null=False)
    except pl.exceptions.PolarsError as error:
        first_line = str(error).partition("\n")[0]
        return (f"{submission.name} is not a comma-separated UTF-8 table: {first_line}.",)
    if found.columns != sample.columns:
        return (f"The columns must be {_listed(sample.columns)}, not {_listed(found.columns)}.",)
    return (*_id_problems(found, sample, brief), *_cell_problems(found, brief))


def write_constant(path: Path, *, sample: pl.DataFrame, truth: pl.DataFrame, brief: Brief) -> pl.DataFrame:
    """Write, and return as text, a valid submission that answers every row alike.

    The answer is the best that knows no feature: the mean of train's target (for rmsle that of its
    logarithms, for metrics of absolute or relative error the median), the most frequent label, or the
    shares of the classes.  `sample` and `truth` (train's target columns) are read as text.
    """
    answers = [pl.lit(answer).alias(name) for name, answer in _constant_answers(truth, brief)]
    frame = sample.select(brief.ids).with_columns(answers).select(sample.columns)
    frame.write_csv(path)
    return frame


def _read_untrusted(submission: Path, sample: pl.DataFrame) -> bytes | str:
    """The file's bytes, or what is wrong with the file."""
    limit = _BYTES_SPARE + sample.height * sample.width * _BYTES_PER_CELL_MAX
    try:
        # Neither a link to a secret nor a pipe that never ends: both are refused before a byte is read.
        descriptor = os.open(submission, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return f"There is no {submission.name}."
    except OSError as error:
        return f"{submission.name} is not a plain file that can be read: {error.strerror}."
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return f"{submission.name} is not a plain file."
        if status.st_size > limit:
            return (
                f"{submission.name} has {status.st_size} bytes, more than the {limit} that its rows can need."
            )
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limit)
    finally:
        os.close(descriptor)


def _listed(cells: pl.Series | list[str]) -> str:
    """The first few cells for a message, each cut to a bearable length."""
    shown = [str(cell)[:40] for cell in cells[:_SHOWN]]
    return ", ".join(shown) + (", …" if len(cells) > _SHOWN else "")


def _id_problems(found: pl.DataFrame, sample: pl.DataFrame, brief: Brief) -> Iterator[str]:
    name = ", ".join(brief.ids)
    ids, wanted = (_joined(table, brief.ids) for table in (found, sample))
    if ids.equals(wanted):
        return  # Also where rows are known by their order alone.
    if ids.len() != wanted.len():
        yield f"There are {ids.len()} rows; the sample submission has {wanted.len()}."
    repeated = ids.filter(ids.is_duplicated()).unique(maintain_order=True)
    if repeated.len():
        yield f"{repeated.len()} ids in {name!r} stand more than once, such as {_listed(repeated)}."
    strange = ids.filter(~ids.is_in(wanted.implode()))
    if strange.len():
        yield f"{strange.len()} ids in {name!r} are not the sample's, such as {_listed(strange)}."
    absent = wanted.filter(~wanted.is_in(ids.implode()))
    if absent.len():
        yield f"{absent.len()} ids of the sample are missing, such as {_listed(absent)}."


def _joined(table: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    """What names each row: its id, or the parts of it in one word."""
    words = pl.concat_str([pl.col(name).fill_null("") for name in names], separator=", ")
    return table.select(words.alias("id")).to_series()


def _cell_problems(found: pl.DataFrame, brief: Brief) -> Iterator[str]:
    for name in answer_columns(brief):
        cells = found[name]
        words = cells.str.strip_chars()
        blank = words.str.to_lowercase().is_in(_NOT_A_VALUE) & ~words.is_in(list(brief.classes))
        if blank.any():
            yield f"{blank.sum()} cells in {name!r} are missing."
            cells = cells.filter(~blank)
        if brief.answer == "label":
            yield from _label_problems(cells, brief)
        else:
            yield from _number_problems(cells, brief)


def _label_problems(cells: pl.Series, brief: Brief) -> Iterator[str]:
    ranked = ranked_count(brief.metric.name)
    if ranked is not None:
        lists = cells.str.split(" ")
        if (lists.list.len() > ranked).any():
            yield f"{cells.name!r} has cells of more than {ranked} labels."
        cells = lists.explode(empty_as_null=True, keep_nulls=True).rename(cells.name)
    labels = as_labels(cells, brief.classes) if ranked is None else cells
    strange = labels.filter(~labels.is_in(list(brief.classes))).unique(maintain_order=True)
    if strange.len():
        yield f"{cells.name!r} has labels that are no class, such as {_listed(strange)}."


def _number_problems(cells: pl.Series, brief: Brief) -> Iterator[str]:
    numbers = cells.cast(pl.Float64, strict=False)
    strange = cells.filter(numbers.is_null() | ~numbers.is_finite())
    if strange.len():
        yield f"{strange.len()} cells in {cells.name!r} are no finite numbers, such as {_listed(strange)}."
    kept = numbers.drop_nulls().filter(numbers.drop_nulls().is_finite())
    if brief.answer != "value" and ((kept < 0) | (kept > 1)).any():
        yield f"{cells.name!r} has probabilities outside 0..1."
    if brief.metric.name == "rmsle" and (kept < 0).any():
        yield f"{cells.name!r} has negative values, for which {brief.metric.name} is not defined."


def _constant_answers(truth: pl.DataFrame, brief: Brief) -> Iterator[tuple[str, str]]:
    if brief.answer == "class_probabilities":
        labels = as_labels(truth[brief.targets[0].train_column].drop_nulls(), brief.classes)
        for name, label in zip(answer_columns(brief), brief.classes, strict=True):
            yield name, str((labels == label).mean())
        return
    for target in brief.targets:
        yield target.submission_column, _constant_answer(truth[target.train_column].drop_nulls(), brief)


def _constant_answer(column: pl.Series, brief: Brief) -> str:
    if brief.answer == "value":
        return str(_constant_value(column, brief))
    labels = as_labels(column, brief.classes)
    if brief.answer == "probability":
        return str((labels == brief.positive_label).mean())
    counts = {label: int((labels == label).sum()) for label in ordered_classes(brief.classes)}
    frequent = sorted(counts, key=lambda label: -counts[label])
    return " ".join(frequent[: ranked_count(brief.metric.name) or 1])


def _constant_value(column: pl.Series, brief: Brief) -> float:
    numbers = to_floats(column, decimal_comma=brief.train.dialect.decimal_comma).drop_nulls().to_numpy()
    match brief.metric.name:
        case "rmsle":
            return float(np.expm1(np.log1p(numbers).mean()))
        case "mae" | "medae" | "mape" | "smape" | "rmspe":
            return float(np.median(numbers))
        case _:
            return float(numbers.mean())
