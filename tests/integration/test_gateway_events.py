"""A job's events over a real socket: past, then live, resumed, and given up without a trace."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from events import catalogue as ev
from events.log import JobAt
from tests.integration.gateway_serving import Gateway, serving, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.servers import NatsServer


@pytest.fixture
async def gateway(nats_server: NatsServer) -> AsyncIterator[Gateway]:
    async with serving(nats_server) as running:
        yield running


async def blocks(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, str]]:
    """The blocks of a stream as a browser would cut them, comments under the key ''."""
    fields: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields
            fields = {}


async def watch(
    gateway: Gateway, job_id: str, *, last: int | None = None, **query: Any
) -> list[dict[str, str]]:
    """All blocks with an id until the server ends the stream."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    path = f"/jobs/{job_id}/events"
    async with gateway.client.stream("GET", path, params=query, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [block async for block in blocks(answer.aiter_lines()) if "id" in block]


def ids(seen: list[dict[str, str]]) -> list[int]:
    return [int(block["id"]) for block in seen]


async def sequences(gateway: Gateway, job_id: str) -> list[int]:
    return [record.sequence for record in await gateway.log.read_job(job_id)]


async def until_watched(gateway: Gateway, readers: int) -> None:
    async with asyncio.timeout(10):
        while gateway.parts.hub.readers != readers:
            await asyncio.sleep(0.02)


async def test_past_and_present_until_the_end(gateway: Gateway) -> None:
    job_id = await gateway.submit()
    watching = asyncio.create_task(watch(gateway, job_id))
    await until_watched(gateway, 1)
    await gateway.submit()  # somebody else's
    await gateway.write(*started(job_id), ev.JobCancelled(job_id=job_id))
    seen = await watching
    assert ids(seen) == await sequences(gateway, job_id)
    assert [block["event"] for block in seen] == [
        "JobRequested",
        "AttemptScheduled",
        "AttemptStarted",
        "JobCancelled",
    ]
    data = json.loads(seen[1]["data"])
    assert (data["type"], data["job_id"], data["attempt"]) == ("AttemptScheduled", job_id, 1)
    assert data["sequence"] == int(seen[1]["id"])
    assert data["time"]
    await until_watched(gateway, 0)


async def test_a_reader_resumes_where_it_was(gateway: Gateway) -> None:
    job_id = await gateway.submit()
    await gateway.write(*started(job_id), ev.JobFailed(job_id=job_id, reason="r", message="m"))
    every = await sequences(gateway, job_id)
    assert ids(await watch(gateway, job_id)) == every
    assert ids(await watch(gateway, job_id, last=every[1])) == every[2:]
    assert ids(await watch(gateway, job_id, after=every[0])) == every[1:]
    assert ids(await watch(gateway, job_id, last=every[2], after=every[0])) == every[3:]
    done = await gateway.client.get(f"/jobs/{job_id}/events", headers={"Last-Event-ID": str(every[-1])})
    assert (done.status_code, done.content) == (204, b"")
    assert gateway.parts.hub.readers == 0


async def test_a_place_beyond_the_end_hides_nothing_that_comes(gateway: Gateway) -> None:
    job_id = await gateway.submit()
    watching = asyncio.create_task(watch(gateway, job_id, last=10**15))
    await until_watched(gateway, 1)
    last = await gateway.write(ev.JobCancelled(job_id=job_id))
    assert ids(await watching) == [last]


async def test_whenever_a_reader_comes_it_sees_each_event_once(gateway: Gateway) -> None:
    job_id = await gateway.submit()
    last = await gateway.write(*started(job_id))
    watching = []
    for step in range(300):
        event = ev.StageProgressed(
            job_id=job_id, attempt=1, stage="training", fraction=step / 300, message="on"
        )
        last = await gateway.log.append(event, expect=JobAt(sequence=last))
        if step % 10 == 0:
            watching.append(asyncio.create_task(watch(gateway, job_id)))
    await gateway.log.append(ev.JobSucceeded(job_id=job_id, attempt=1), expect=JobAt(sequence=last))
    every = await sequences(gateway, job_id)
    assert len(every) == 304
    assert [ids(seen) for seen in await asyncio.gather(*watching)] == [every] * 30
    await until_watched(gateway, 0)


async def test_a_reader_that_goes_away_is_forgotten(gateway: Gateway) -> None:
    job_id = await gateway.submit()
    before = len(asyncio.all_tasks())
    all_here = asyncio.Barrier(20)

    async def watch_a_little() -> None:
        async with gateway.client.stream("GET", f"/jobs/{job_id}/events") as answer:
            await anext(answer.aiter_lines())
            await all_here.wait()
            assert gateway.parts.hub.readers > 0

    await asyncio.gather(*(watch_a_little() for _ in range(20)))
    await until_watched(gateway, 0)
    async with asyncio.timeout(5):
        while len(asyncio.all_tasks()) > before:
            await asyncio.sleep(0.02)


async def read_to_end(reader: asyncio.StreamReader) -> str:
    """A chunked body and its headers, as text, the sizes of the chunks among it."""
    data = b""
    while not data.endswith(b"\r\n0\r\n\r\n"):
        chunk = await reader.read(2**20)
        assert chunk, "the connection broke off"
        data += chunk
    return data.decode()


async def test_a_slow_reader_is_cut_off_and_can_come_back(gateway: Gateway) -> None:
    gateway.parts.hub._room = 20
    job_id = await gateway.submit()
    last = await gateway.write(*started(job_id))
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.parts.settings.port, limit=2**20)
    writer.write(f"GET /jobs/{job_id}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await until_watched(gateway, 1)
    for _ in range(250):  # 25 MB: more than the sockets between us will hold
        event = ev.StageProgressed(
            job_id=job_id, attempt=1, stage="training", fraction=0.5, message="m" * 100_000
        )
        last = await gateway.log.append(event, expect=JobAt(sequence=last))
    try:
        async with asyncio.timeout(20):
            text = await read_to_end(reader)
    finally:
        writer.close()
        await writer.wait_closed()
    seen = [int(line.removeprefix("id: ")) for line in text.splitlines() if line.startswith("id: ")]
    every = await sequences(gateway, job_id)
    assert "event: cut_off" in text
    assert 3 < len(seen) < len(every)
    assert seen == every[: len(seen)]
    await until_watched(gateway, 0)
    await gateway.log.append(ev.JobCancelled(job_id=job_id), expect=JobAt(sequence=last))
    rest = await watch(gateway, job_id, last=seen[-1])
    assert ids(rest) == [*every[len(seen) :], last + 1]
