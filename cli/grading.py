"""How good a submission is on the answers that were held back: for competitions whose answers we have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import polars as pl

from agent.brief import Target
from agent.metrics import METRICS, score
from podium.errors import PodiumError

if TYPE_CHECKING:
    from pathlib import Path


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """The names of a competition's public files."""

    sample_submission: str


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What a competition's `meta.json` says of its scoring."""

    metric: str
    id_column: str
    target: str
    files: Files
    classes: tuple[str | int | float | bool, ...] | None = None
    positive_label: str | int | float | bool | None = None


class Grade(msgspec.Struct, frozen=True, kw_only=True):
    """The score of a submission on held-back answers, beside that of the sample submission."""

    metric: str
    maximize: bool
    score: float
    sample_score: float


def grade(competition: Path, submission: bytes) -> Grade:
    """Grade a submission by a competition's ``private/test.csv``.

    Raises:
        PodiumError: the submission does not answer exactly the rows that were asked for.
    """
    meta = msgspec.json.decode((competition / "meta.json").read_bytes(), type=Meta)
    answers = _read((competition / "private" / "test.csv").read_bytes())
    sample = (competition / "public" / meta.files.sample_submission).read_bytes()
    return Grade(
        metric=meta.metric,
        maximize=METRICS[meta.metric].maximize,
        score=_score(meta, answers, _read(submission)),
        sample_score=_score(meta, answers, _read(sample)),
    )


def _read(data: bytes) -> pl.DataFrame:
    return pl.read_csv(data, infer_schema=False)


def _score(meta: Meta, answers: pl.DataFrame, submission: pl.DataFrame) -> float:
    ids = answers[meta.id_column]
    if meta.id_column not in submission.columns or set(submission[meta.id_column]) != set(ids):
        raise PodiumError("The submission does not answer the rows that were asked for.")
    if submission.height != answers.height:
        raise PodiumError(f"The submission has {submission.height} rows, not {answers.height}.")
    ordered = answers.select(meta.id_column).join(
        submission, on=meta.id_column, how="left", maintain_order="left"
    )
    try:
        return score(
            meta.metric,
            truth=answers,
            predicted=ordered.drop(meta.id_column),
            targets=[Target(train_column=meta.target, submission_column=meta.target)],
            classes=[str(label) for label in meta.classes or ()],
            positive_label=None if meta.positive_label is None else str(meta.positive_label),
        )
    except ValueError as error:
        raise PodiumError(f"The submission cannot be scored: {error}") from error
