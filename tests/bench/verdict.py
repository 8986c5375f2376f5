"""Who did best: ranks, wins and normalised scores of systems over competitions.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tests.bench.contest import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

PLACES: Final = 4
"""Scores that are the same to so many digits are a tie."""


class Contest(msgspec.Struct, frozen=True, kw_only=True):
    """All systems on one competition; `floor` is the score of the sample submission."""

    competition: str
    metric: str
    maximize: bool
    floor: float
    results: dict[str, Result]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A system over all competitions; `wins`, `ties` and `losses` are the first system's against it."""

    system: str
    mean_rank: float
    mean_normalised: float
    wins: int
    ties: int
    losses: int
    valid: int
    late: int
    peak_mb: float


def goodness(contest: Contest, system: str) -> float:
    """A score to compare by, higher is better; nothing valid is worse than all."""
    score = contest.results[system].score
    if score is None:
        return float("-inf")
    return round(score if contest.maximize else -score, PLACES)


def rank(contest: Contest, system: str) -> float:
    """From 1, the best; those that are level share the mean of their ranks."""
    own = goodness(contest, system)
    others = [goodness(contest, other) for other in contest.results if other != system]
    return 1 + sum(other > own for other in others) + sum(other == own for other in others) / 2


def normalised(contest: Contest, system: str) -> float:
    """1 for the best score of the run, 0 for the sample submission's, or for none."""
    score = contest.results[system].score
    known = [each.score for each in contest.results.values() if each.score is not None]
    if score is None:
        return 0.0
    best = max(known) if contest.maximize else min(known)
    return 1.0 if best == contest.floor else (score - contest.floor) / (best - contest.floor)


def standings(contests: Sequence[Contest]) -> list[Standing]:
    """Every system, the best mean rank first."""
    found = []
    first = next(iter(contests[0].results))
    for system in contests[0].results:
        results = [contest.results[system] for contest in contests]
        pairs = [(goodness(each, first), goodness(each, system)) for each in contests]
        wins, losses = (
            sum(ours > theirs for ours, theirs in pairs),
            sum(ours < theirs for ours, theirs in pairs),
        )
        found.append(
            Standing(
                system=system,
                mean_rank=sum(rank(each, system) for each in contests) / len(contests),
                mean_normalised=sum(normalised(each, system) for each in contests) / len(contests),
                wins=wins,
                ties=len(contests) - wins - losses,
                losses=losses,
                valid=sum(result.score is not None for result in results),
                late=sum(result.late for result in results),
                peak_mb=max(result.peak_mb for result in results),
            )
        )
    return sorted(found, key=lambda standing: standing.mean_rank)


def as_markdown(contests: Sequence[Contest]) -> str:
    """Two tables: the score of each system on each competition, the best in bold; and the standings."""
    first, *_ = systems = list(contests[0].results)
    lines = [f"| competition | metric | {' | '.join(systems)} |", "| --- " * (2 + len(systems)) + "|"]
    for contest in contests:
        cells = [cell(contest, system) for system in systems]
        way = "↑" if contest.maximize else "↓"
        lines.append(f"| {contest.competition} | {contest.metric} {way} | {' | '.join(cells)} |")
    lines += [
        "",
        f"| system | mean rank | mean normalised | {first} won / tied / lost | valid | late | peak MB |",
        "| --- " * 7 + "|",
    ]
    for each in standings(contests):
        against = "" if each.system == first else f"{each.wins} / {each.ties} / {each.losses}"
        lines.append(
            f"| {each.system} | {each.mean_rank:.2f} | {each.mean_normalised:.4f} | {against} "
            f"| {each.valid} of {len(contests)} | {each.late} | {each.peak_mb:.0f} |"
        )
    return "\n".join(lines) + "\n"


def cell(contest: Contest, system: str) -> str:
    """A score in a table; what came late says so."""
    result = contest.results[system]
    if result.score is None:
        return "none"
    words = f"{result.score:.4f}"
    best = max(goodness(contest, each) for each in contest.results)
    words = f"**{words}**" if goodness(contest, system) == best else words
    return f"{words} (late)" if result.late else words
