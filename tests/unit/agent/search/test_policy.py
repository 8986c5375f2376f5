"""What is tried next follows from the tree and the time; a search always ends, within both."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec import structs

from agent.search.limits import Limits
from agent.search.policy import Draft, Improve, Repair, Stop, call_s, next_step, runs_within
from agent.search.tree import Attempt, Kind, State, Tree, repairs_before

LIMITS = Limits()
TEMPLATES = Attempt(number=0, kind="templates", state="accepted", idea="", verdict="", score=0.5)


def tree(*nodes: tuple[Kind, State, dict[str, Any]]) -> Tree:
    attempts = [
        Attempt(number=number, kind=kind, state=state, idea="", verdict="", **more)
        for number, (kind, state, more) in enumerate(nodes, start=1)
    ]
    return (TEMPLATES, *attempts)


def step(*nodes: tuple[Kind, State, dict[str, Any]], left_s: float = 1e4) -> object:
    return next_step(tree(*nodes), left_s, maximize=True, limits=LIMITS)


def test_drafts_come_first_then_the_best_is_improved() -> None:
    first: tuple[Kind, State, dict[str, Any]] = ("draft", "scored", {"score": 0.7})
    assert step() == step(first) == Draft()
    assert step(first, ("draft", "accepted", {"score": 0.6})) == Improve(number=1)
    lower = next_step(tree(first, ("draft", "scored", {"score": 0.6})), 1e4, maximize=False, limits=LIMITS)
    assert lower == Improve(number=2)


def test_what_fails_is_mended_a_few_times_and_then_left() -> None:
    nodes: list[tuple[Kind, State, dict[str, Any]]] = [("draft", "failed", {})]
    for number in range(1, LIMITS.repairs_max + 1):
        assert step(*nodes) == Repair(number=number)
        nodes.append(("repair", "failed", {"parent": number}))
    assert step(*nodes) == Draft()


def test_without_gain_another_draft_is_begun_and_then_nothing() -> None:
    scored: tuple[Kind, State, dict[str, Any]] = ("draft", "scored", {"score": 0.4})
    idle: list[tuple[Kind, State, dict[str, Any]]] = [("improve", "scored", {"score": 0.4, "parent": 1})] * 3
    assert step(scored, scored, *idle[:2]) == Improve(number=1)
    assert step(scored, scored, *idle) == Draft()
    ended = step(scored, scored, *idle, scored, scored, *idle)
    assert ended == Stop(why="More attempts gained nothing.")


def test_a_model_that_does_not_answer_is_not_asked_for_ever() -> None:
    silent: tuple[Kind, State, dict[str, Any]] = ("draft", "unanswered", {})
    assert step(silent) == Draft()
    assert isinstance(step(silent, silent), Stop)


def test_without_time_nothing_is_begun() -> None:
    assert isinstance(step(left_s=LIMITS.first_s_min - 1), Stop)
    assert isinstance(step(("draft", "failed", {}), left_s=LIMITS.step_s_min - 1), Stop)


def test_a_script_that_is_there_already_is_judged_in_less_time_than_another_needs() -> None:
    assert step(left_s=LIMITS.first_s_min) == Draft()
    assert runs_within(LIMITS.first_s_min, 5, LIMITS) is not None


@pytest.mark.parametrize("seed", range(40))
def test_a_simulated_search_ends_in_time_and_never_mends_without_end(seed: int) -> None:
    chance = random.Random(seed)
    whole_s = left_s = chance.uniform(60.0, 4_000.0)
    grown: Tree = (TEMPLATES,)
    while not isinstance(taken := next_step(grown, left_s, maximize=True, limits=LIMITS), Stop):
        assert taken == next_step(grown, left_s, maximize=True, limits=LIMITS)
        left_s -= chance.uniform(0.1, 1.0) * call_s(left_s, LIMITS)
        runs = runs_within(left_s, 5, LIMITS)
        if runs is not None:
            assert 2 <= runs.folds <= 5
            used = runs.sample_s + runs.folds * runs.fold_s + runs.full_s
            assert used <= left_s + 1e-9
            left_s -= chance.uniform(0.1, 1.0) * used
        state = chance.choice(("unanswered", "failed", "failed", "scored", "accepted"))
        kind = type(taken).__name__.lower()
        parent = getattr(taken, "number", None)
        node = Attempt(number=len(grown), kind=kind, state=state, idea="", verdict="", parent=parent)  # type: ignore[arg-type]
        if node.works:
            node = structs.replace(node, score=chance.random())
        grown = (*grown, node)
        assert repairs_before(grown, node) <= LIMITS.repairs_max
        assert left_s >= 0
    assert len(grown) <= LIMITS.attempts_max + 1
    assert whole_s > left_s or len(grown) == 1


@pytest.mark.parametrize(("left_s", "folds"), [(400.0, 5), (200.0, 3), (60.0, 3), (45.0, 2), (44.0, None)])
def test_short_time_makes_fewer_folds_and_none_makes_no_run(left_s: float, folds: int | None) -> None:
    runs = runs_within(left_s, 5, LIMITS)
    assert (runs.folds if runs else None) == folds
