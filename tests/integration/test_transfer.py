"""A log moved from one NATS to another: the same messages, byte for byte, or a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from cli import transfer
from events.jetstream import JetStreamLog, ensure_stream
from events.lines import read_stored
from events.log import JobAt
from events.subjects import STREAM
from podium.errors import PodiumError, UsageError
from tests.integration.gateway_serving import requested, started
from tests.servers import NatsServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from nats.aio.client import Client


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[NatsServer, NatsServer]]:
    pair = NatsServer(tmp_path / "source"), NatsServer(tmp_path / "target")
    for server, name in zip(pair, ("source", "target"), strict=True):
        (tmp_path / name).mkdir()
        server.start()
    yield pair
    for server in pair:
        server.kill()


@pytest.fixture
async def source(servers: tuple[NatsServer, NatsServer]) -> AsyncIterator[Client]:
    """Two jobs side by side, a scheduling that expects the last of all, and bytes that are no event."""
    async with servers[0].connection() as client:
        js = client.jetstream()
        await ensure_stream(js)
        log = JetStreamLog(client, source="test/é")
        jobs = [requested(), requested()]
        last = [await log.append(job, expect=JobAt(sequence=0)) for job in jobs]
        for number, job in enumerate(jobs):
            for event in started(job.job_id):
                last[number] = await log.append(event, expect=JobAt(sequence=last[number]))
        headers = {"odd": "a: b", "Nats-Msg-Id": "odd-1"}
        await js.publish(f"jobs.{jobs[0].job_id}.Odd", b"\xff\x00{", headers=headers)
        yield client


@pytest.fixture
async def target(servers: tuple[NatsServer, NatsServer]) -> AsyncIterator[Client]:
    async with servers[1].connection() as client:
        yield client


async def exported(client: Client, job_id: str | None = None) -> list[bytes]:
    lines: list[bytes] = []
    count = await transfer.export(client, job_id=job_id, write=lines.append, progress=lambda _: None)
    assert count == len(lines)
    return lines


async def imported(client: Client, lines: list[bytes]) -> int:
    return await transfer.import_log(client, lines, replicas=1, progress=lambda _: None)


async def raw(client: Client) -> list[tuple[int | None, str | None, bytes | None, bytes | None]]:
    """Every message as the server hands it out, its headers unparsed."""
    jsm = client.jsm()
    last = (await jsm.stream_info(STREAM)).state.last_seq
    messages = [await jsm.get_msg(STREAM, sequence) for sequence in range(1, last + 1)]
    return [(one.seq, one.subject, one.hdrs, one.data) for one in messages]


async def test_an_imported_log_is_the_exported_one_byte_for_byte(source: Client, target: Client) -> None:
    lines = await exported(source)
    assert await imported(target, lines) == 7
    assert await raw(target) == await raw(source)
    again = await exported(target)
    assert [line.partition(b'"subject"')[2] for line in again] == [
        line.partition(b'"subject"')[2] for line in lines
    ]


async def test_one_job_is_exported_in_order_and_is_no_log_to_import(source: Client, target: Client) -> None:
    job_id = (await JetStreamLog(source, source="t").read_job("*"))[1].event.job_id
    lines = await exported(source, job_id)
    assert [read_stored(line).sequence for line in lines] == [2, 5, 6]
    with pytest.raises(UsageError, match="Line 1 has sequence 2: that is a part of a log"):
        await imported(target, lines)


async def test_a_log_with_events_is_not_imported_into(source: Client, target: Client) -> None:
    lines = await exported(source)
    await imported(target, lines)
    before = await raw(target)
    with pytest.raises(UsageError, match="has 7 events already"):
        await imported(target, lines)
    assert await raw(target) == before


async def test_a_log_that_a_service_follows_is_not_imported_into(source: Client, target: Client) -> None:
    lines = await exported(source)
    await ensure_stream(target.jetstream())
    await target.jetstream().subscribe("jobs.>", ordered_consumer=True)
    with pytest.raises(UsageError, match="1 readers follow that log"):
        await imported(target, lines)


async def test_a_log_with_an_event_left_out_is_refused_by_the_broker(source: Client, target: Client) -> None:
    messages = [msgspec.json.decode(line) for line in await exported(source)]
    del messages[2]
    lines = [msgspec.json.encode(one | {"sequence": n}) for n, one in enumerate(messages, start=1)]
    with pytest.raises(PodiumError, match="Event 3 was refused: wrong last sequence"):
        await imported(target, lines)


async def test_there_is_nothing_to_export_of_an_unknown_job(source: Client, target: Client) -> None:
    with pytest.raises(UsageError, match=r"There is no job x\."):
        await exported(source, "x")
    with pytest.raises(UsageError, match=r"There are no events\."):
        await exported(target)
