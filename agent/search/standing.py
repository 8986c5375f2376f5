"""What would be submitted now, and what an attempt's predictions could make of it: alone, or in a mix.

Only numbers are mixed.  The weights for a fold are chosen on the other folds, so that no row has a say in its
own; test gets weights chosen on all.  Source: Caruana et al., Ensemble Selection from Libraries of Models,
ICML 2004.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import polars as pl

from agent.codegen.templates.blending import greedy_weights
from agent.metrics import score
from agent.search.blend import mixed
from agent.search.gain import Gain, paired_gain
from agent.training.outputs import answer_columns, fold_scores, overall_score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.brief import Brief

    Floats = NDArray[np.float64]

_ROWS_MAX: Final = 10_000
_MEMBERS_MAX: Final = 4
_PLACES: Final = ["row", "fold"]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A script with its predictions: out of fold as in oof.csv, and its submission (empty until it has one).

    `number` is its attempt's.
    """

    number: int
    name: str
    script: str
    out_of_fold: pl.DataFrame
    submission: pl.DataFrame = pl.DataFrame()


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Members with their weights, and the score of their mix on the rows that all of them predicted."""

    members: tuple[Member, ...]
    weights: tuple[float, ...]
    out_of_fold: pl.DataFrame
    score: float
    fold_scores: dict[int, float]

    @property
    def name(self) -> str:
        """What to call it in a report."""
        if len(self.members) == 1:
            return self.members[0].name
        parts = [
            f"{weight:.0%} {member.name}" for member, weight in zip(self.members, self.weights, strict=True)
        ]
        return f"mix of {', '.join(parts)}"

    @property
    def submission(self) -> pl.DataFrame:
        """The members' submissions, mixed."""
        if len(self.members) == 1:
            return self.members[0].submission
        return mixed([member.submission for member in self.members], list(self.weights))


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What would stand with a new member, and what that gains on the folds that both have."""

    standing: Standing
    gain: Gain


def alone(member: Member, truth: pl.DataFrame, brief: Brief) -> Standing:
    """A member by itself.  Raises OutputError where its predictions do not fit the metric."""
    return _standing((member,), (1.0,), member.out_of_fold, truth, brief)


def offer(standing: Standing, new: Member, truth: pl.DataFrame, brief: Brief, *, seed: int) -> Offer:
    """The best that can be made of what stands and a new member: that one alone, or mixed with it.

    Raises OutputError where the new one's predictions do not fit the metric.
    """
    rows = new.out_of_fold.select("row")
    before = _standing(standing.members, standing.weights, _on(standing.out_of_fold, rows), truth, brief)
    common = before.out_of_fold.select("row")
    candidates = [_standing((new,), (1.0,), _on(new.out_of_fold, common), truth, brief)]
    if brief.answer != "label" and before.out_of_fold["fold"].n_unique() > 1:
        candidates += _mix((*_heaviest(standing), new), common, truth, brief, seed=seed)
    maximize = brief.metric.maximize
    best = max(candidates, key=lambda each: each.score if maximize else -each.score)
    gain = paired_gain(best.fold_scores, before.fold_scores, maximize=maximize)
    return Offer(standing=best, gain=gain)


def _standing(
    members: tuple[Member, ...],
    weights: tuple[float, ...],
    out_of_fold: pl.DataFrame,
    truth: pl.DataFrame,
    brief: Brief,
) -> Standing:
    return Standing(
        members=members,
        weights=weights,
        out_of_fold=out_of_fold,
        score=overall_score(out_of_fold, truth, brief),
        fold_scores=fold_scores(out_of_fold, truth, brief),
    )


def _heaviest(standing: Standing) -> list[Member]:
    """The members with room for one more beside them."""
    ranked = sorted(zip(standing.weights, standing.members, strict=True), key=lambda pair: -pair[0])
    kept = {member.number for _, member in ranked[: _MEMBERS_MAX - 1]}
    return [member for member in standing.members if member.number in kept]


def _on(out_of_fold: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    return out_of_fold.join(rows, on="row", how="semi").sort("row")


def _mix(
    members: Sequence[Member], rows: pl.DataFrame, truth: pl.DataFrame, brief: Brief, *, seed: int
) -> list[Standing]:
    """The mix of members, if it can be scored on every part of the folds and has more than one of them."""
    columns = answer_columns(brief)
    tables = [_on(member.out_of_fold, rows) for member in members]
    predicted = np.stack([table.select(pl.col(columns).cast(pl.Float64)).to_numpy() for table in tables])
    places, fold = tables[0]["row"].to_numpy(), tables[0]["fold"].to_numpy()
    sign = -1.0 if brief.metric.maximize else 1.0
    rng = np.random.default_rng(seed)

    def loss(numbers: Floats, answers: Floats) -> float:
        return sign * score(
            brief.metric.name,
            truth=truth[numbers.astype(np.int64)],
            predicted=pl.DataFrame(answers, schema=columns),
            targets=brief.targets,
            classes=brief.classes,
            positive_label=brief.positive_label,
        )

    def weights_on(chosen: NDArray[np.int64]) -> Floats:
        some = rng.choice(chosen, _ROWS_MAX, replace=False) if len(chosen) > _ROWS_MAX else chosen
        return greedy_weights(predicted[:, some], places[some].astype(np.float64), loss)

    try:
        weights = weights_on(np.arange(len(fold)))
        mix = np.zeros_like(predicted[0])
        for number in np.unique(fold):
            own = weights_on(np.flatnonzero(fold != number))
            mix[fold == number] = np.tensordot(own, predicted[:, fold == number], axes=1)
    except ValueError:  # the metric is not defined on a part of the folds
        return []
    kept = np.flatnonzero(weights)
    if len(kept) < 2:
        return []
    answers = pl.DataFrame(mix, schema=columns).select(pl.all().cast(pl.String))
    out_of_fold = pl.concat([tables[0].select(_PLACES), answers], how="horizontal")
    chosen = tuple(members[int(place)] for place in kept)
    return [_standing(chosen, tuple(weights[kept].tolist()), out_of_fold, truth, brief)]
