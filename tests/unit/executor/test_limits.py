"""How long an attempt may take: the job's limit against the executor's, and what its agent plans for."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.environment import Environment
from services.executor.settings import read
from services.executor.specification import budget_s_of, limit_s_of
from tests.history import job_after

SETTINGS = read(Environment({"PODIUM_ATTEMPT_LIMIT_S": "600", "PODIUM_BUDGET_S": "300"}))


@pytest.mark.parametrize(("asked_s", "limit_s"), [(None, 600), (60, 60), (7200, 600)])
def test_the_smaller_limit_wins(asked_s: int | None, limit_s: float) -> None:
    assert limit_s_of(replace(job_after(), time_limit_s=asked_s), SETTINGS) == limit_s


@pytest.mark.parametrize(
    ("time_limit_s", "budget_s", "planned_s"),
    [(None, None, 300), (None, 900, 900), (100, None, 70), (100, 30, 30), (100, 90, 70), (7200, 900, 420)],
)
def test_an_agent_plans_for_less_than_its_jobs_limit(
    time_limit_s: int | None, budget_s: int | None, planned_s: int
) -> None:
    job = replace(job_after(), time_limit_s=time_limit_s, budget_s=budget_s)
    assert budget_s_of(job, SETTINGS) == planned_s
