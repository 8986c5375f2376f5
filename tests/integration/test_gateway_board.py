"""Every job's events over a real socket, and the page's files."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from events import catalogue as ev
from services.gateway.hub import ALL
from services.gateway.routes import board
from tests.integration.gateway_serving import Gateway, requested, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.servers import NatsServer


@pytest.fixture
async def gateway(nats_server: NatsServer) -> AsyncIterator[Gateway]:
    async with serving(nats_server) as running:
        yield running


async def watch(
    gateway: Gateway, last: int, headers: dict[str, str] | None = None, **query: int | str
) -> list[int]:
    """The ids that the stream of all jobs gives, up to that of the last event."""
    ids = []
    async with (
        asyncio.timeout(20),
        gateway.client.stream("GET", "/events", params=query, headers=headers) as got,
    ):
        assert got.status_code == 200
        async for line in got.aiter_lines():
            if line.startswith("id: "):
                ids.append(int(line.removeprefix("id: ")))
            if ids and ids[-1] >= last:
                return ids
    return ids


async def until_seen(gateway: Gateway, sequence: int) -> None:
    async with asyncio.timeout(10):
        while gateway.parts.hub.sequence < sequence:
            await asyncio.sleep(0.01)


async def test_all_jobs_are_told_past_a_place_and_then_live(gateway: Gateway) -> None:
    first = await gateway.write(requested())
    second = await gateway.write(requested())
    await until_seen(gateway, second)
    watching = asyncio.create_task(watch(gateway, second + 2, after=first - 1))
    async with asyncio.timeout(10):
        while not gateway.parts.hub._watched.get(ALL):
            await asyncio.sleep(0.01)
    job = requested()
    await gateway.write(job, ev.JobCancelled(job_id=job.job_id))
    assert await watching == [first, second, second + 1, second + 2]
    resumed = await watch(gateway, second + 2, headers={"Last-Event-ID": str(first)}, after=0)
    assert resumed == [second, second + 1, second + 2]


async def test_only_events_that_are_wanted_are_told(gateway: Gateway) -> None:
    of = (("a", ()), ("a", ("t",)), ("b", ("t",)))
    jobs = [replace(requested(), competition=slug, tags=tags) for slug, tags in of]
    after = await gateway.parts.link.last_sequence()
    asked = [await gateway.write(job) for job in jobs]
    ended = [await gateway.write(ev.JobCancelled(job_id=job.job_id)) for job in jobs]
    await until_seen(gateway, ended[-1])
    assert await watch(gateway, ended[1], after=after, competition="A") == [*asked[:2], *ended[:2]]
    assert await watch(gateway, ended[2], after=after, tag="t", type="JobCancelled,JobFailed") == ended[1:]
    watching = asyncio.create_task(watch(gateway, ended[2] + 3, competition="b", type="JobSucceeded"))
    async with asyncio.timeout(10):
        while not gateway.parts.hub._watched.get(ALL):
            await asyncio.sleep(0.01)
    await gateway.write(ev.JobSucceeded(job_id=jobs[0].job_id, attempt=1))
    b = jobs[2].job_id
    await gateway.write(ev.JobCancelRequested(job_id=b), ev.JobSucceeded(job_id=b, attempt=1))
    assert await watching == [ended[2] + 3]
    assert (await gateway.client.get("/events", params={"type": "Nonsense"})).status_code == 400


async def test_whoever_missed_too_much_is_told_to_read_the_jobs_anew(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "CATCH_UP_MAX", 3)
    after = await gateway.write(requested())
    for _ in range(3):
        last = await gateway.write(requested())
    await until_seen(gateway, last)
    assert await watch(gateway, last, after=after) == [after + 1, after + 2, last]
    async with gateway.client.stream("GET", "/events", params={"after": after - 1}) as got:
        lines = got.aiter_lines()
        told = [await anext(lines) for _ in range(5)]
    assert told[2:] == [f"id: {last}", "event: reset", f'data: {{"sequence":{last}}}']


async def test_a_reader_that_goes_away_is_forgotten(gateway: Gateway) -> None:
    async with gateway.client.stream("GET", "/events") as got:
        await anext(got.aiter_lines())
        assert gateway.parts.hub.readers == 1
    async with asyncio.timeout(5):
        while gateway.parts.hub.readers:
            await asyncio.sleep(0.02)


async def test_the_page_is_for_browsers_and_under_a_strict_policy(gateway: Gateway) -> None:
    page = await gateway.client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "trusted-types 'none'"} <= set(
        policy
    )
    assert "unsafe" not in page.headers["content-security-policy"]
    again = await gateway.client.get(
        "/", headers={"Accept": "text/html", "If-None-Match": page.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    script = await gateway.client.get("/page/main.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (await gateway.client.get("/page/..%2Fapp.py")).status_code == 404
    assert (await gateway.client.get("/page/none.js")).status_code == 404
