"""The measurements of scale do what they say: every job goes through, and only live ones are held."""

from __future__ import annotations

import pytest

from tests.bench.scale_jobs import LIVE, job_id
from tests.bench.scale_part import projector, scheduler, start, waiting

JOBS = 450


@pytest.mark.parametrize("part", [scheduler, projector])
async def test_every_job_goes_through(part) -> None:
    cpu_s, _ = await part(JOBS)
    assert cpu_s > 0


async def test_a_start_from_a_snapshot_is_one_from_the_history() -> None:
    (_, few), (_, many) = [await start(jobs) for jobs in (JOBS, 3 * JOBS)]
    assert 0 < few["live"] <= LIVE
    assert 0 < many["live"] <= LIVE
    assert many["snapshot_bytes"] < 2 * few["snapshot_bytes"]


def test_no_two_jobs_share_a_name() -> None:
    assert len({job_id(number) for number in range(20_000)}) == 20_000


async def test_places_are_given_away_however_many_wait() -> None:
    assert (await waiting(JOBS))[1]["decision_us"] > 0
