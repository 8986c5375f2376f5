"""Which zones are good enough for a script that a model wrote, and what an operator may say about it."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest

from agent.zone import Zone, judge, model_code_refusal, place_here, refusal

if TYPE_CHECKING:
    from pathlib import Path

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


def test_namespaces_alone_are_walls_enough() -> None:
    assert refusal("", judge(("own-net", "own-mnt", "own-pid"), first_process=False)) is None
    assert refusal("", judge(("own-net", "own-mnt"), first_process=False)) is not None


def test_a_bubblewrap_that_cannot_be_started_is_done_without_and_said(tmp_path: Path) -> None:
    given = {"PODIUM_BWRAP": str(tmp_path / "absent"), "PATH": os.environ["PATH"]}
    place = place_here(given)
    assert place.bwrap is None
    assert "No such file" in place.trouble
    assert place.trouble in (model_code_refusal(given) or "")


def test_an_operator_s_word_needs_no_trial() -> None:
    assert model_code_refusal({"PODIUM_MODEL_CODE": "allow"}) is None
    assert model_code_refusal({"PODIUM_MODEL_CODE": " refuse "}) is not None
