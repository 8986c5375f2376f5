"""Log lines and parts of files, as the gateway serves them from a real broker."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from events import subjects
from events.catalogue import AttemptFailed, AttemptSucceeded, JobFailed, JobSucceeded
from podium.client import Client
from services.artifacts import keep_artifacts
from services.log_line import LogLine
from services.logstream import LogLines, ensure_log_stream
from tests.integration.gateway_serving import requested, serving, started
from tests.servers import NatsServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.gateway_serving import Gateway

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
async def gateway(nats_server: NatsServer) -> AsyncIterator[Gateway]:
    async with serving(nats_server) as gateway, nats_server.connection() as connection:
        await ensure_log_stream(connection.jetstream(), bytes_max=2**20, days=1)
        yield gateway


def line(number: int, text: str = "words", attempt: int = 1) -> LogLine:
    return LogLine(attempt=attempt, number=number, time=AT, stream="stderr", text=text)


async def write(nats_server: NatsServer, job_id: str, *lines: LogLine) -> None:
    async with nats_server.connection() as connection:
        await store(LogLines(connection), job_id, *lines)


async def store(into: LogLines, job_id: str, *lines: LogLine) -> None:
    """Write lines, and wait until they lie in the stream."""
    for one in lines:
        await into.write(job_id, one)
    while await into.last_place(job_id) != lines[-1].place:
        await asyncio.sleep(0.01)


async def test_lines_are_read_as_text_and_as_json(gateway: Gateway, nats_server: NatsServer) -> None:
    event = requested()
    await gateway.write(event, *started(event.job_id))
    await write(nats_server, event.job_id, *(line(number) for number in range(1, 1202)))
    answer = await gateway.client.get(f"/jobs/{event.job_id}/logs")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.splitlines()[0] == "2026-01-01T12:00:00.000+00:00 1 stderr words"
    assert len(answer.text.splitlines()) == 1201
    answer = await gateway.client.get(f"/jobs/{event.job_id}/logs", params={"format": "ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(row)["number"] for row in answer.text.splitlines()] == list(range(1, 1202))


async def test_a_job_without_lines_has_an_empty_log_and_an_unknown_one_none(gateway: Gateway) -> None:
    event = requested()
    await gateway.write(event)
    answer = await gateway.client.get(f"/jobs/{event.job_id}/logs")
    assert (answer.status_code, answer.text) == (200, "")
    for follow in ("0", "1"):
        answer = await gateway.client.get(f"/jobs/{requested().job_id}/logs", params={"follow": follow})
        assert answer.status_code == 404


async def test_a_follower_gets_each_line_once_and_the_end(gateway: Gateway, nats_server: NatsServer) -> None:
    event = requested()
    job_id = event.job_id
    await gateway.write(event, *started(job_id))
    await write(nats_server, job_id, *(line(number) for number in (1, 2, 3)))
    url, follow = f"/jobs/{job_id}/logs", {"follow": "1"}
    seen: list[str] = []
    async with (
        asyncio.timeout(20),
        gateway.client.stream("GET", url, params=follow, headers={"Last-Event-ID": "1.1"}) as stream,
    ):
        assert stream.headers["content-type"] == "text/event-stream"
        async for row in stream.aiter_lines():
            seen += [row] if row.startswith(("id:", "event: end")) else []
            if row == "id: 1.3":
                await write(nats_server, job_id, line(4))
            if row == "id: 1.4":
                await gateway.write(
                    AttemptFailed(job_id=job_id, attempt=1, reason="r", message="m", retryable=False),
                    JobFailed(job_id=job_id, reason="r", message="m"),
                )
    assert seen == ["id: 1.2", "id: 1.3", "id: 1.4", "event: end"]
    again = await gateway.client.get(url, params=follow, headers={"Last-Event-ID": "1.4"})
    assert again.status_code == 204
    rest = await gateway.client.get(url, params=follow, headers={"Last-Event-ID": "1.3"})
    assert "id: 1.4" in rest.text
    async with Client(str(gateway.client.base_url)) as client:
        assert [one.number async for one in client.log_lines(job_id)] == [1, 2, 3, 4]
        assert [one.number async for one in client.log_lines(job_id, follow=False)] == [1, 2, 3, 4]


async def test_the_stream_of_lines_keeps_no_more_than_it_may(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    server.start()
    async with server.connection() as connection:
        js, lines = connection.jetstream(), LogLines(connection)
        await ensure_log_stream(js, bytes_max=2**20, days=7)
        await ensure_log_stream(js, bytes_max=2**16, days=0.5)
        await store(lines, "a", *(line(number, "x" * 1000) for number in range(1, 301)))
        kept = [one.number async for one in lines.stored("a")]
        info = await js.stream_info(subjects.LOG_STREAM)
    server.kill()
    assert kept[-1] == 300
    assert 30 < len(kept) < 66
    assert (info.config.max_bytes, info.config.max_age) == (2**16, 43_200)


async def finished(gateway: Gateway, data: bytes) -> str:
    event = requested()
    await gateway.write(event, *started(event.job_id))
    stored = await gateway.files.put(job_id=event.job_id, attempt=1, name="submission.csv", data=data)
    await gateway.write(
        AttemptSucceeded(
            job_id=event.job_id,
            attempt=1,
            task="binary",
            metric="auc",
            maximize=True,
            score=0.9,
            fold_scores=(0.9,),
            artifacts=(stored,),
        ),
        JobSucceeded(job_id=event.job_id, attempt=1),
    )
    return f"/jobs/{event.job_id}/files/submission.csv"


async def test_a_part_of_a_file_is_served(gateway: Gateway) -> None:
    url = await finished(gateway, b"0123456789")
    whole = await gateway.client.get(url)
    assert whole.headers["accept-ranges"] == "bytes"
    part = await gateway.client.get(url, headers={"Range": "bytes=2-4", "If-Range": whole.headers["etag"]})
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["content-range"] == "bytes 2-4/10"
    changed = await gateway.client.get(url, headers={"Range": "bytes=2-4", "If-Range": '"other"'})
    assert (changed.status_code, changed.content) == (200, b"0123456789")
    outside = await gateway.client.get(url, headers={"Range": "bytes=10-"})
    assert (outside.status_code, outside.headers["content-range"]) == (416, "bytes */10")


async def test_a_file_that_is_kept_no_longer_is_gone(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    server.start()
    async with serving(server) as gateway, server.connection() as connection:
        url = await finished(gateway, b"x")
        await keep_artifacts(connection.jetstream(), days=0.5 / 86_400)
        async with asyncio.timeout(20):
            while (answer := await gateway.client.get(url)).status_code == 200:
                await asyncio.sleep(0.1)
    server.kill()
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:podium:problem:file-gone")
