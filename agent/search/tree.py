"""What was tried: the templates' solution and the model's attempts, each with its parent and its verdict.

Pure data; `agent.search.policy` reads it to say what to try next, the report to tell of it.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["templates", "draft", "repair", "improve"]

State: TypeAlias = Literal["unanswered", "failed", "scored", "accepted"]
"""``unanswered``: the model gave no script; ``failed``: its script gave no valid predictions; ``scored``: it
did, and they were not better than chance allows; ``accepted``: they were part of what stood."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One node of the tree.

    `number` counts from 0, the templates' solution; `parent` is what a repair or an improvement began with.
    `score` and `fold_scores` are those of the attempt's own out-of-fold predictions, where it has any;
    `verdict` says in a sentence why it was accepted or not; `error` is what a repair is told.
    """

    number: int
    kind: Kind
    state: State
    idea: str
    verdict: str
    parent: int | None = None
    code: str = ""
    error: str = ""
    score: float | None = None
    fold_scores: tuple[float, ...] = ()
    seconds: float = 0.0
    dollars: float = 0.0

    @property
    def works(self) -> bool:
        """Whether it gave valid predictions."""
        return self.state in {"scored", "accepted"}


Tree: TypeAlias = tuple[Attempt, ...]
"""All attempts, by number."""


def repairs_before(tree: Tree, attempt: Attempt) -> int:
    """How many repairs in a row led to an attempt, itself counted."""
    count = 0
    while attempt.kind == "repair" and attempt.parent is not None:
        count += 1
        attempt = tree[attempt.parent]
    return count


def best_written(tree: Tree, *, maximize: bool) -> Attempt | None:
    """The attempt of the model's with the best score; of equal ones the first."""
    scored = [each for each in tree if each.works and each.kind != "templates" and each.score is not None]
    sign = 1.0 if maximize else -1.0
    return max(scored, key=lambda each: sign * (each.score or 0.0), default=None)


def stale(tree: Tree) -> int:
    """How many working attempts there were since one was accepted or a draft was begun."""
    count = 0
    for attempt in reversed(tree):
        if attempt.state == "accepted" or attempt.kind == "draft":
            return count
        count += attempt.works
    return count


def unanswered(tree: Tree) -> int:
    """How many of the last attempts, in a row, got no script."""
    count = 0
    for attempt in reversed(tree):
        if attempt.state != "unanswered":
            return count
        count += 1
    return count
