"""Ranks, wins and normalised scores, in both directions, with what is missing or level."""

from __future__ import annotations

from tests.bench.contest import Result
from tests.bench.verdict import Contest, as_markdown, standings


def contest(*scores: float | None, maximize: bool, floor: float) -> Contest:
    results = {
        system: Result(score=score, seconds=60.0, peak_mb=100.0, late=score == 0.8, error=None)
        for system, score in zip(("podium", "other", "third"), scores, strict=True)
    }
    return Contest(competition="c", metric="m", maximize=maximize, floor=floor, results=results)


def test_the_best_mean_rank_comes_first_and_nothing_valid_comes_last() -> None:
    contests = [
        contest(0.9, 0.8, None, maximize=True, floor=0.5),
        contest(2.0, 1.0, 2.00001, maximize=False, floor=3.0),
    ]
    other, podium, third = standings(contests)
    assert (other.system, podium.system, third.system) == ("other", "podium", "third")
    assert (other.mean_rank, podium.mean_rank, third.mean_rank) == (1.5, 1.75, 2.75)
    assert (other.wins, other.ties, other.losses, other.late) == (1, 0, 1, 1)
    assert (third.wins, third.ties, third.losses, third.valid) == (1, 1, 0, 1)
    assert abs(other.mean_normalised - (0.75 + 1.0) / 2) < 1e-9
    assert "**0.9000** | 0.8000 (late) | none" in as_markdown(contests)
