"""Which zones are good enough for a script that a model wrote, and what an operator may say about it."""

from __future__ import annotations

import itertools

import pytest

from agent.zone import Zone, judge, model_code_refusal, refusal

WALLS = ("network_cut", "files_closed", "processes_apart")


@pytest.mark.parametrize("held", [*itertools.product((True, False), repeat=3)], ids=str)
def test_a_model_s_script_runs_only_where_every_wall_stands(held: tuple[bool, ...]) -> None:
    zone = Zone(**dict(zip(WALLS, held, strict=True)))
    why = refusal("", zone)
    assert (why is None) == all(held)
    assert refusal("allow", zone) is None
    assert "PODIUM_MODEL_CODE is refuse" in (refusal("refuse", zone) or "")
    assert refusal("perhaps", zone) is not None
    if why is not None:
        named = [word in why for word in ("network", "files", "processes")]
        assert named == [not stands for stands in held]


def test_a_container_of_one_s_own_keeps_processes_apart() -> None:
    words = ("files", "signals", "no-network")
    assert refusal("", judge(words, first_process=True)) is None
    assert refusal("", judge(words, first_process=False)) is not None
    assert refusal("", judge((), first_process=True)) is not None


def test_an_operator_s_word_needs_no_trial() -> None:
    assert model_code_refusal({"PODIUM_MODEL_CODE": "allow"}) is None
    assert model_code_refusal({"PODIUM_MODEL_CODE": " refuse "}) is not None
