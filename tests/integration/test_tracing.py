"""A service tells of the events that it wrote, once each, and of nobody else's; off, nothing is added."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from events import catalogue as ev
from events.jetstream import ensure_stream
from events.log import ConflictError, JobAt
from services import tracing
from services.tracing import TracedLog
from tests.integration.gateway_serving import requested, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.client import Client

    from services.spans import Span
    from tests.servers import NatsServer


class Spans:
    """In the place of the exporter."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def send(self, span: Span, *, caller: tuple[int, int] | None = None) -> None:
        assert caller is None
        self.names.append(span.name)


@pytest.fixture
async def connection(nats_server: NatsServer) -> AsyncIterator[Client]:
    async with nats_server.connection() as connected:
        await ensure_stream(connected.jetstream())
        yield connected


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Spans:
    spans = Spans()
    monkeypatch.setattr(tracing, "_exporter", spans)
    return spans


async def following(log: TracedLog, job_id: str, last: type[ev.Event]) -> None:
    """Follow until an event of a job has come, and a little longer: then what it means was told."""
    async with asyncio.timeout(10):
        async for batch in log.follow_told(after=0):
            if any(isinstance(one.event, last) and one.event.job_id == job_id for one in batch.records):
                return


async def test_who_wrote_an_event_tells_of_what_ended_with_it(connection: Client, told: Spans) -> None:
    mine, theirs = TracedLog(connection, source="me"), TracedLog(connection, source="me")
    job = requested()
    watching = [asyncio.create_task(following(log, job.job_id, ev.AttemptFailed)) for log in (mine, theirs)]
    await asyncio.sleep(0.1)
    last = await mine.append(job, expect=JobAt(sequence=0))
    for event in started(job.job_id):
        last = await theirs.append(event, expect=JobAt(sequence=last))
    failed = ev.AttemptFailed(job_id=job.job_id, attempt=1, reason="r", message="m", retryable=False)
    with pytest.raises(ConflictError):
        await mine.append(failed, expect=JobAt(sequence=last - 1))
    last = await theirs.append(failed, expect=JobAt(sequence=last))
    await asyncio.gather(*watching)
    assert told.names == ["submit", "wait 1", "attempt 1"]
    # Whoever has stopped following tells of its last words at once.
    await mine.append(ev.JobFailed(job_id=job.job_id, reason="r", message="m"), expect=JobAt(sequence=last))
    assert told.names[3:] == ["job"]
    headers = [one.headers["traceparent"] async for one in stored(connection, job.job_id)]
    assert {header.split("-")[1] for header in headers} == {job.job_id.replace("-", "")}


async def test_without_an_endpoint_nothing_is_told_and_no_header_is_added(connection: Client) -> None:
    log = TracedLog(connection, source="me")
    job = requested()
    await log.append(job, expect=JobAt(sequence=0))
    assert [one.headers.get("traceparent") async for one in stored(connection, job.job_id)] == [None]


async def stored(connection: Client, job_id: str) -> AsyncIterator[object]:
    js = connection.jetstream()
    subscription = await js.subscribe(f"jobs.{job_id}.>", ordered_consumer=True)
    pending = (await subscription.consumer_info()).num_pending
    for _ in range(pending or 1):
        yield await subscription.next_msg(timeout=5)


def test_off_nothing_of_opentelemetry_is_imported() -> None:
    code = (
        "import sys, services.tracing, services.scheduler.__main__\n"
        "from services.environment import Environment\n"
        "services.tracing.configure('x', Environment({}))\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
