"""What to try next, and how much time its runs get: from the tree and the time that is left, nothing else.

Pure: the same tree and time give the same step.  Source of the idea: Jiang et al., AIDE: AI-Driven
Exploration in the Space of Code, arXiv 2502.13138; here without chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from agent.search.tree import best_written, repairs_before, stale, unanswered

if TYPE_CHECKING:
    from agent.search.limits import Limits
    from agent.search.tree import Tree

_SAMPLE_RUN: Final = 1.0
"""What the first run, on a sample of rows, may take beside one on a fold: libraries start as slowly."""

_FULL_RUN: Final = 1.5
"""What the last run takes, which learns from all rows and predicts all of test."""

_FOLDS_MIN: Final = 2


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Write a script from nothing, unlike those before."""


class Repair(msgspec.Struct, frozen=True, kw_only=True):
    """Mend the attempt of that number, which failed."""

    number: int


class Improve(msgspec.Struct, frozen=True, kw_only=True):
    """Change one thing in the attempt of that number, for a better score."""

    number: int


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """Try nothing more, and why, in a sentence."""

    why: str


Step: TypeAlias = Draft | Repair | Improve | Stop


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt's runs: how many folds, and the seconds for each of its runs."""

    folds: int
    sample_s: float
    fold_s: float
    full_s: float


def next_step(tree: Tree, left_s: float, *, maximize: bool, limits: Limits) -> Step:
    """The next step, where `left_s` seconds are left for the whole search."""
    last = tree[-1]
    if left_s < (limits.first_s_min if len(tree) == 1 else limits.step_s_min):
        return Stop(why="There was no time for another attempt.")
    if len(tree) > limits.attempts_max:
        return Stop(why=f"{limits.attempts_max} attempts are enough.")
    if unanswered(tree) >= limits.calls_failed_max:
        return Stop(why=f"{unanswered(tree)} questions in a row got no script. {last.verdict}")
    if last.state == "failed" and repairs_before(tree, last) < limits.repairs_max:
        return Repair(number=last.number)
    drafts = sum(each.kind == "draft" for each in tree)
    best = best_written(tree, maximize=maximize)
    if drafts < limits.drafts:
        return Draft()
    if best is not None and stale(tree) < limits.stale_max:
        return Improve(number=best.number)
    if drafts < limits.drafts_max:
        return Draft()
    return Stop(why="No script of the model's worked." if best is None else "More attempts gained nothing.")


def runs_within(left_s: float, folds: int, limits: Limits) -> Runs | None:
    """How an attempt whose script is written shares out its part of the time; None where it is too short.

    Fewer folds than there are, rather than runs too short to learn anything in; and one attempt that gets
    enough, rather than two that do not.
    """
    few = min(folds, limits.folds_few)
    enough_s = _needed_s(limits.run_s_good, few)
    share_s = min(left_s, max(limits.step_share * left_s, enough_s))
    for count, least_s in (
        (folds, limits.run_s_good),
        (few, limits.run_s_min),
        (_FOLDS_MIN, limits.run_s_min),
    ):
        run_s = share_s / _needed_s(1.0, count)
        if count >= _FOLDS_MIN and run_s >= least_s:
            return Runs(folds=count, sample_s=_SAMPLE_RUN * run_s, fold_s=run_s, full_s=_FULL_RUN * run_s)
    return None


def call_s(left_s: float, limits: Limits) -> float:
    """How long to wait for a script."""
    return min(limits.call_s_max, limits.call_share * left_s)


def _needed_s(run_s: float, folds: int) -> float:
    return run_s * (_SAMPLE_RUN + folds + _FULL_RUN)
