"""The cluster in Docker, for a minute: jobs run while a part of each kind dies, and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.verdict import judge
from tests.cluster.report import report
from tests.cluster.steps import Step, kill
from tests.cluster.trial import Plan, made, trial
from tests.compose.composition import needed_compose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.compose.composition import Composition

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400)]

KILLED = ("nats-2", "gateway-1", "executor-1", "scheduler-2")


def kills(cluster: Composition) -> Iterator[Step]:
    """One container of each kind, one after the other."""
    return (kill(cluster, service) for service in KILLED)


async def test_jobs_outlive_a_part_of_each_kind(tmp_path: Path) -> None:
    plan = Plan(jobs=4, every_s=2.0)
    cluster = made(needed_compose(), tmp_path, plan)
    try:
        outcome = await trial(cluster, plan, kills)
    finally:
        cluster.down()
    wrong = [*judge(outcome.history, running_max=plan.running_max), *outcome.behind]
    assert not wrong, report(plan, outcome, wrong)
    assert len(outcome.history.accepted) == plan.jobs
    assert [step.name for step in outcome.steps] == [f"kill {service}" for service in KILLED]
