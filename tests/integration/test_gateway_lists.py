"""Lists of jobs by what they are, page by page while new ones come in, and a job as it once was."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from events import catalogue as ev
from tests.integration.gateway_serving import Gateway, migrated, project, serving, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from tests.servers import NatsServer


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    async with migrated(database_url) as connection:
        yield connection


@pytest.fixture
async def gateway(
    nats_server: NatsServer, database_url: str, database: asyncpg.Connection[asyncpg.Record]
) -> AsyncIterator[Gateway]:
    async with serving(nats_server, database_url=database_url) as running:
        yield running


async def listed(gateway: Gateway, **query: Any) -> list[str]:
    answer = await gateway.client.get("/jobs", params=query)
    assert answer.status_code == 200, answer.text
    return [job["job_id"] for job in answer.json()["jobs"]]


async def test_jobs_are_listed_by_competition_tag_and_time(
    gateway: Gateway, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    plain = await gateway.submit()
    tagged = await gateway.submit(tags=["nightly", "team:a", "nightly"])
    wine = await gateway.submit(kaggle_url="https://www.kaggle.com/c/wine", tags=["nightly"])
    for job_id in (plain, tagged, wine):
        await project(database, gateway.log, job_id)
    shown = (await gateway.client.get(f"/jobs/{tagged}")).json()
    assert shown["tags"] == ["nightly", "team:a"]

    assert await listed(gateway, tag="nightly") == [wine, tagged]
    assert await listed(gateway, tag="night") == []
    assert await listed(gateway, competition="Titanic") == [tagged, plain]
    assert await listed(gateway, search="tan") == [tagged, plain]
    assert await listed(gateway, search="tan", tag="nightly") == [tagged]
    assert await listed(gateway, search="nothing") == []
    assert await listed(gateway, competition="titanic", tag="nightly", status="queued") == [tagged]
    assert await listed(gateway, competition="titanic", tag="nightly", status="running") == []
    assert await listed(gateway, since=shown["created_at"]) == [wine, tagged]
    assert await listed(gateway, until=shown["created_at"]) == [plain]
    later = datetime.fromisoformat(shown["created_at"]) + timedelta(days=1)
    assert await listed(gateway, since=later.isoformat()) == []


async def test_pages_hold_still_while_jobs_come_in_and_change(
    gateway: Gateway, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    jobs = [await gateway.submit(tags=["one"]) for _ in range(6)]
    for job_id in jobs:
        await project(database, gateway.log, job_id)
    # Three of them in the same instant: only the id tells which comes first.
    await database.execute(
        "UPDATE jobs SET created_at = (SELECT created_at FROM jobs WHERE job_id = $1)"
        " WHERE job_id = ANY($2::uuid[])",
        jobs[2],
        jobs[3:5],
    )
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2, "tag": "one"}
    while True:
        page = (await gateway.client.get("/jobs", params=query)).json()
        seen += [job["job_id"] for job in page["jobs"]]
        await project(database, gateway.log, await gateway.submit(tags=["one"]))
        await database.execute("UPDATE jobs SET status = 'failed' WHERE job_id = $1", seen[-1])
        if page["next_before"] is None:
            break
        query["before"] = page["next_before"]
    assert seen == sorted(jobs, reverse=True)


async def test_a_job_is_shown_as_it_was(gateway: Gateway) -> None:
    job_id = await gateway.submit()
    requested = (await gateway.log.read_job(job_id))[0].sequence
    other = await gateway.submit()
    begun = await gateway.write(*started(job_id))
    ended = await gateway.write(ev.JobCancelled(job_id=job_id))
    states = {}
    for at in (requested, begun - 2, begun, ended, ended + 1000):
        for path in ("status", "jobs"):
            body = (await gateway.client.get(f"/{path}/{job_id}", params={"at": at})).json()
            states[at] = (body["status"], body["attempt"], body["sequence"])
    assert states == {
        requested: ("queued", 0, requested),
        begun - 2: ("queued", 0, requested),
        begun: ("running", 1, begun),
        ended: ("cancelled", 1, ended),
        ended + 1000: ("cancelled", 1, ended),
    }
    early = await gateway.client.get(f"/jobs/{other}", params={"at": requested})
    assert (early.status_code, early.json()["type"]) == (404, "urn:podium:problem:no-such-job")


async def test_a_job_is_there_as_soon_as_it_is_accepted(gateway: Gateway) -> None:
    """Nothing projects here: what has just been written is read from the log."""
    for _ in range(20):
        job_id = await gateway.submit()
        answer = await gateway.client.get(f"/status/{job_id}")
        assert (answer.status_code, answer.json()["status"]) == (200, "queued")
