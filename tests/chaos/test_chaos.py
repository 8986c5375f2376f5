"""The short form of `python -m tests.chaos`: every kind of fault at least once, and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.faults import KINDS
from tests.chaos.report import report
from tests.chaos.run import Plan, run
from tests.chaos.verdict import judge, most_at_once

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(150)
async def test_nothing_is_lost_doubled_or_out_of_order_in_trouble(tmp_path: Path) -> None:
    plan = Plan(jobs=12, seed=3, trouble_s=9.0, every_s=(0.5, 1.1), settle_s=90.0, lease_s=6.0)
    outcome = await run(plan, tmp_path)
    wrong = judge(outcome.history, running_max=plan.running_max)
    told = report(plan, outcome, wrong)
    assert not wrong, told
    assert not outcome.own_ends, told
    assert {fault.kind for fault in outcome.faults} == set(KINDS)
    assert len(outcome.history.accepted) == plan.jobs
    assert most_at_once(outcome.history.records) == plan.running_max, "the cap was put to the test"
