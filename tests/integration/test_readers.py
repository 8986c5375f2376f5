"""A reader of the shipped accounts sees every event and can change nothing, not even by way of the server."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import nats
import pytest
from nats.js.api import ConsumerConfig, DeliverPolicy

from events import subjects
from events.catalogue import JobCancelRequested
from events.copy import ensure_copy
from events.jetstream import JetStreamLog, ensure_stream
from events.log import JobAt
from services.artifacts import ArtifactStore, ensure_bucket
from services.logstream import ensure_log_stream
from tests.integration.gateway_serving import requested
from tests.servers import NatsServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from nats.aio.client import Client
    from nats.aio.msg import Msg

REFUSED = [
    # The log, in any way that it could be written or changed by.
    "jobs.j.JobRequested",
    "$JS.API.STREAM.CREATE.JOBS",
    "$JS.API.STREAM.UPDATE.JOBS",
    "$JS.API.STREAM.DELETE.JOBS",
    "$JS.API.STREAM.PURGE.JOBS",
    "$JS.API.STREAM.MSG.DELETE.JOBS",
    "$JS.API.STREAM.RESTORE.JOBS",
    "$JS.API.STREAM.SNAPSHOT.JOBS",
    # Other streams: log lines, dead letters, files, buckets.
    "logs.j",
    "dead.jobs.j.JobRequested",
    "$JS.API.STREAM.INFO.LOGS",
    "$JS.API.STREAM.INFO.OBJ_artifacts",
    "$JS.API.STREAM.MSG.GET.OBJ_artifacts",
    "$JS.API.CONSUMER.CREATE.OBJ_artifacts",
    "$JS.API.CONSUMER.CREATE.LOGS.x.logs.j",
    "$JS.API.STREAM.CREATE.KV_mine",
    "$O.artifacts.C.x",
    "$KV.bucket.key",
    # The services' own talk, their consumers, and the ways between the accounts.
    "podium.heartbeat.executor-1",
    "$JS.API.CONSUMER.LIST.JOBS",
    "$JS.API.CONSUMER.NAMES.JOBS",
    "$JS.PODIUM.API.CONSUMER.CREATE.JOBS",
    "$JS.READERS.API.STREAM.INFO.JOBS",
    "$JS.READERS.API.STREAM.DELETE.JOBS",
    "copy.x",
    "$SYS.REQ.USER.INFO.x",
]
UNHEARD = [">", "jobs", "logs.>", "podium.heartbeat.*", "$JS.API.>", "$JS.EVENT.>", "copy.>", "$O.>"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    running = NatsServer(tmp_path_factory.mktemp("accounts"), accounts=True)
    running.start()
    yield running
    running.kill()


@pytest.fixture
async def services(server: NatsServer) -> AsyncIterator[Client]:
    """A service's connection to a server that has all streams, and the copy."""
    async with server.connection() as connection:
        js = connection.jetstream()
        await ensure_stream(js)
        await ensure_bucket(js)
        await ensure_log_stream(js, bytes_max=2**20, days=1)
        assert await ensure_copy(connection)
        assert await ensure_copy(connection), "the second time there is one"
        yield connection


class Reader:
    """A connection that names no user, and what the server has refused it."""

    def __init__(self, connection: Client, refusals: list[str]) -> None:
        self.connection = connection
        self._refusals = refusals

    async def refused(self) -> list[str]:
        """What was refused since the last time that this was asked, in the order of asking."""
        # Refused as well, and after all before it.
        await self.connection.publish("the.last", b"")
        async with asyncio.timeout(5):
            while not any("the.last" in text for text in self._refusals):
                await asyncio.sleep(0.002)
        refusals = self._refusals[:-1]
        self._refusals.clear()
        return refusals


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[Reader]:
    refusals: list[str] = []

    async def on_error(error: Exception) -> None:
        refusals.append(str(error))

    connection = await nats.connect(url, allow_reconnect=False, error_cb=on_error)
    try:
        yield Reader(connection, refusals)
    finally:
        await connection.close()


@pytest.fixture
async def reader(server: NatsServer, services: Client) -> AsyncIterator[Reader]:
    async with reading(server.readers_url) as connected:
        yield connected


async def write_job(services: Client) -> tuple[str, list[int]]:
    """A job of two events: its id and their sequences."""
    log = JetStreamLog(services, source="test")
    event = requested()
    first = await log.append(event, expect=JobAt(sequence=0))
    return event.job_id, [
        first,
        await log.append(JobCancelRequested(job_id=event.job_id), expect=JobAt(sequence=first)),
    ]


async def until_copied(reader: Reader, sequence: int) -> None:
    async with asyncio.timeout(10):
        js = reader.connection.jetstream()
        while (await js.stream_info(subjects.STREAM)).state.last_seq < sequence:
            await asyncio.sleep(0.01)


@pytest.mark.alone
async def test_a_reader_sees_each_event_as_it_is_stored_and_can_go_on_after_any(
    services: Client, reader: Reader
) -> None:
    live = await reader.connection.subscribe("jobs.>")
    await reader.connection.flush()
    job_id, sequences = await write_job(services)
    assert [(await live.next_msg(timeout=10)).subject for _ in sequences] == [
        f"jobs.{job_id}.JobRequested",
        f"jobs.{job_id}.JobCancelRequested",
    ]
    await until_copied(reader, sequences[-1])
    mine, theirs = reader.connection.jetstream(), services.jetstream()
    for sequence in sequences:
        stored, copied = [await js.get_msg(subjects.STREAM, sequence) for js in (theirs, mine)]
        assert (copied.subject, copied.data) == (stored.subject, stored.data)
        # What the writer expected was for the log to judge.
        told = {name: value for name, value in stored.headers.items() if "Expected" not in name}
        assert copied.headers == told
        assert {"ce-id", "Nats-Msg-Id"} <= told.keys()
    config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=sequences[0] + 1)
    ordered = await mine.subscribe(
        subjects.of_job(job_id), stream=subjects.STREAM, ordered_consumer=True, config=config
    )
    message = await ordered.next_msg(timeout=10)
    assert message.metadata.sequence.stream == sequences[1]
    durable = await mine.pull_subscribe(subjects.of_job(job_id), durable="mine", stream=subjects.STREAM)
    fetched = await durable.fetch(2, timeout=10)
    assert [one.metadata.sequence.stream for one in fetched] == sequences
    for one in fetched:
        await one.ack_sync()
    assert await mine.delete_consumer(subjects.STREAM, "mine")
    assert await reader.refused() == []


@pytest.mark.parametrize("subject", REFUSED)
async def test_a_reader_may_not_send_there(reader: Reader, subject: str) -> None:
    await reader.connection.publish(subject, b"{}")
    assert [f'publish to "{subject}"'.lower() in text.lower() for text in await reader.refused()] == [True]


@pytest.mark.parametrize("subject", UNHEARD)
async def test_a_reader_may_not_listen_there(reader: Reader, subject: str) -> None:
    await reader.connection.subscribe(subject)
    assert [f'subscription to "{subject}"'.lower() in text for text in await reader.refused()] == [True]


async def test_the_server_does_not_do_for_a_reader_what_the_reader_may_not(
    services: Client, reader: Reader
) -> None:
    """An answer, and what a consumer delivers, go to any subject that the asker names."""
    job_id, sequences = await write_job(services)
    await ArtifactStore(services.jetstream()).put(job_id=job_id, attempt=1, name="a", data=b"x")
    await until_copied(reader, sequences[-1])
    heard: list[Msg] = []

    async def on_message(message: Msg) -> None:
        heard.append(message)

    targets = [
        f"jobs.{job_id}.JobSucceeded",
        f"logs.{job_id}",
        "podium.heartbeat.executor-1",
        "$O.artifacts.M.x",
        "$JS.API.STREAM.PURGE.LOGS",
        "$JS.PODIUM.API.CONSUMER.CREATE.JOBS",
        "$JS.API.CONSUMER.CREATE.JOBS",
    ]
    before = await streams(services)
    for subject in ("podium.heartbeat.*", "logs.>", "jobs.>"):
        await services.subscribe(subject, cb=on_message)
    for number, target in enumerate(targets):
        await reader.connection.publish("$JS.API.STREAM.INFO.JOBS", b"", reply=target)
        pushed = {"deliver_subject": target, "ack_policy": "none", "deliver_policy": "all"}
        await create_consumer(reader, f"push-{number}", pushed)
        pulled = {"ack_policy": "none", "deliver_policy": "all"}
        await create_consumer(reader, f"pull-{number}", pulled)
        await reader.connection.publish(f"$JS.API.CONSUMER.MSG.NEXT.JOBS.pull-{number}", b"2", reply=target)
    assert await reader.refused() == []
    await asyncio.sleep(0.3)
    await services.flush()
    assert await streams(services) == before
    assert heard == []


async def create_consumer(reader: Reader, name: str, config: dict[str, Any]) -> None:
    """Ask for it; the server may well say that it will not."""
    body = {"stream_name": "JOBS", "config": {"name": name, **config}}
    await reader.connection.request(
        f"$JS.API.CONSUMER.CREATE.JOBS.{name}", json.dumps(body).encode(), timeout=5
    )


async def streams(services: Client) -> dict[str, tuple[int, int]]:
    """How many messages and consumers each stream of the services has."""
    found = await services.jetstream().streams_info()
    return {str(one.config.name): (one.state.messages, one.state.consumer_count) for one in found}


async def test_a_reader_has_consumers_of_its_own_and_none_of_the_services(
    services: Client, reader: Reader
) -> None:
    theirs = ConsumerConfig(durable_name="webhooks", description="theirs")
    await services.jetstream().add_consumer(subjects.STREAM, theirs)
    mine = ConsumerConfig(durable_name="webhooks", description="mine")
    await reader.connection.jetstream().add_consumer(subjects.STREAM, mine)
    await reader.connection.jetstream().delete_consumer(subjects.STREAM, "webhooks")
    found = await services.jetstream().consumer_info(subjects.STREAM, "webhooks")
    assert found.config.description == "theirs"
    await services.jetstream().delete_consumer(subjects.STREAM, "webhooks")


async def test_who_names_another_user_needs_the_password(server: NatsServer) -> None:
    # By hand: the client leaves its socket open where it is refused.
    incoming, outgoing = await asyncio.open_connection("127.0.0.1", server.port)
    assert (await incoming.readline()).startswith(b"INFO")
    outgoing.write(b'CONNECT {"user": "podium", "pass": "guess", "verbose": false}\r\nPING\r\n')
    assert await incoming.readline() == b"-ERR 'Authorization Violation'\r\n"
    outgoing.close()
    await outgoing.wait_closed()


async def test_the_copy_goes_on_after_a_restart(server: NatsServer, services: Client) -> None:
    server.kill()
    server.start()
    async with server.connection() as again, reading(server.readers_url) as reader:
        async with asyncio.timeout(10):
            while not await ready(again):
                await asyncio.sleep(0.05)
        _, sequences = await write_job(again)
        await until_copied(reader, sequences[-1])


async def ready(connection: Client) -> bool:
    try:
        await connection.jetstream(timeout=1).stream_info(subjects.STREAM)
    except (nats.errors.Error, TimeoutError):
        return False
    return True


async def test_a_server_without_the_accounts_has_no_copy(nats_server: NatsServer) -> None:
    async with nats_server.connection() as connection:
        assert not await ensure_copy(connection)
