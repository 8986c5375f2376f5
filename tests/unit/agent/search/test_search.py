"""A search keeps what stood before, whatever its parts do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from agent.planning.claude_call import Declined
from agent.search.limits import Limits
from agent.search.running import RunError
from agent.search.search import Found, Search
from agent.search.standing import Member, alone
from agent.search.tree import Attempt
from agent.search.writing import Written
from tests.unit.agent.briefs import a_brief

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 90
TRUE = np.random.default_rng(0).normal(size=ROWS)
TRUTH = pl.DataFrame({"y": TRUE})
BRIEF = a_brief(rows=ROWS, metric="rmse", task="regression", answer="value", classes=())
TEMPLATES = Attempt(number=0, kind="templates", state="accepted", idea="", verdict="", score=1.0)
FOLDS = [row % 3 for row in range(ROWS)]


def predictions(values: np.ndarray) -> pl.DataFrame:
    table = pl.DataFrame({"row": range(ROWS), "fold": FOLDS, "y": values})
    return table.with_columns(pl.col("y").cast(pl.String))


class Parts:
    """A writer and a judge in one, that do what the test says, attempt by attempt."""

    folds = (1, 2, 3)

    def __init__(self, *does: Callable[[], Any]) -> None:
        self.does = list(does)

    def write(self, *_: Any) -> Written:
        if not self.does:
            raise ZeroDivisionError
        return Written(idea="i", code="c", dollars=0.1)

    def out_of_fold(self, *_: Any) -> pl.DataFrame:
        return predictions(self.does.pop(0)())

    def in_full(self, *_: Any) -> pl.DataFrame:
        return pl.DataFrame({"id": ["1"], "y": ["2.0"]})


def searched(parts: Any, *, keep: Callable[[Found], None] = lambda _: None) -> Found:
    table = predictions(np.zeros(ROWS))
    member = Member(number=0, name="templates", script="", out_of_fold=table)
    search = Search(
        BRIEF,
        TRUTH,
        writer=parts,
        judge=parts,
        limits=Limits(repairs_max=0, drafts=9, drafts_max=9),
        seed=0,
        left_s=lambda: 1_000.0,
        progress=lambda *_: None,
        keep=keep,
        log=lambda _: None,
    )
    return search.run(TEMPLATES, alone(member, TRUTH, BRIEF))


def failing() -> np.ndarray:
    raise RunError("It failed.\nAt length.")


def test_each_verdict_is_in_the_tree_and_a_fault_of_its_own_ends_it_with_what_stood() -> None:
    kept: list[Found] = []
    found = searched(Parts(failing, lambda: TRUE * 0.5, lambda: TRUE * -1, lambda: TRUE), keep=kept.append)
    assert [each.state for each in found.tree[1:]] == ["failed", "accepted", "scored", "accepted"]
    assert found.tree[1].verdict == "It failed."
    assert found.why_ended == "The search ended by a fault of its own: ZeroDivisionError."
    assert [each.standing.members[-1].number for each in kept] == [2, 4]
    assert found.standing.submission["y"].to_list() == ["2.0"]


def test_a_result_that_cannot_be_put_in_place_changes_nothing() -> None:
    def refuse(_found: Found) -> None:
        raise OSError("disk full")

    found = searched(Parts(lambda: TRUE), keep=refuse)
    assert [member.number for member in found.standing.members] == [0]
    assert "OSError" in found.why_ended


@pytest.mark.parametrize("why", ["unaffordable", "denied", "unpriced"])
def test_a_model_that_cannot_be_asked_at_all_ends_it(why: Any) -> None:
    class Silent(Parts):
        def write(self, *_: Any) -> Written:
            return Written(idea="", code="", dollars=0.0, declined=Declined(why=why, note="Not asked."))

    found = searched(Silent())
    assert (len(found.tree), found.why_ended) == (1, "Not asked.")
