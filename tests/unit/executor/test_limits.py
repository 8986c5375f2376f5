"""How long an attempt may take and what it may spend: the job's limits against the executor's."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from events.job import Attempt
from services.environment import Environment
from services.executor.settings import read
from services.executor.specification import budget_s_of, dollars_left, limit_s_of
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


@pytest.mark.parametrize(
    ("asked", "spent", "left"),
    [(None, 0.0, 1.0), (0.5, 0.0, 0.5), (5.0, 0.0, 1.0), (0.5, 0.2, 0.3), (0.5, 0.7, 0.0)],
)
def test_the_limit_of_dollars_is_the_jobs_whatever_attempts_before_cost(
    asked: float | None, spent: float, left: float
) -> None:
    job = replace(job_after(), dollars_max=asked)
    if spent:
        attempts = (Attempt(number=1, status="failed", scheduled_at=job.created_at, dollars=spent),)
        job = replace(job, attempts=attempts)
    assert dollars_left(job, SETTINGS) == pytest.approx(left)
