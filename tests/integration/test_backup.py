"""A backup of a running system put back onto an empty one: the same events, jobs, keys and files."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg
import pytest

from events import subjects
from events.catalogue import JobCancelled
from events.copy import ensure_copy
from events.jetstream import JetStreamLog, ensure_stream
from events.job import fold
from events.log import JobAt
from services.archivist.backup import back_up
from services.archivist.errors import ArchivistError, NotEmptyError
from services.archivist.manifest import NAME
from services.archivist.restore import restore
from services.artifacts import ArtifactStore, ensure_bucket
from services.key_store import KeyStore, ensure_key_bucket
from services.projector.position import LogReplacedError
from services.projector.rebuild import rebuild
from services.projector.table import JobTable
from services.projector.verify import verify
from services.webhook_secrets import WebhookSecrets, ensure_secret_bucket
from tests.integration.gateway_serving import requested, started
from tests.integration.test_projector import projecting, until_at
from tests.integration.test_transfer import raw
from tests.servers import NatsServer
from tests.unit.cli.command import podium
from tests.unit.projector.test_loop import Aside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from nats.aio.client import Client

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def quiet(*_: object) -> None:
    """Progress that nobody reads."""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[NatsServer, NatsServer]]:
    """Two servers with the shipped accounts: one that is in use, and an empty one."""
    folders = tmp_path / "source", tmp_path / "target"
    for folder in folders:
        folder.mkdir()
    source, target = (NatsServer(folder, accounts=True) for folder in folders)
    for server in (source, target):
        server.start()
    yield source, target
    for server in (source, target):
        server.kill()


@pytest.fixture
async def pair(servers: tuple[NatsServer, NatsServer]) -> AsyncIterator[tuple[Client, Client]]:
    async with servers[0].connection() as source, servers[1].connection() as target:
        yield source, target


@pytest.fixture
async def source(pair: tuple[Client, Client]) -> Client:
    client = pair[0]
    js = client.jetstream()
    for ensure in (ensure_stream, ensure_key_bucket, ensure_secret_bucket, ensure_bucket):
        await ensure(js)
    await fill(client)
    await js.publish("jobs.x.Odd", b"\xff")
    return client


async def fill(client: Client) -> list[str]:
    """Two jobs, one of which has ended; their ids."""
    log = JetStreamLog(client, source="test")
    jobs = [requested(), requested()]
    for job in jobs:
        last = await log.append(job, expect=JobAt(sequence=0))
        for event in started(job.job_id):
            last = await log.append(event, expect=JobAt(sequence=last))
    await log.append(JobCancelled(job_id=jobs[1].job_id), expect=JobAt(sequence=last))
    return [job.job_id for job in jobs]


async def test_what_is_put_back_is_what_was_there(pair: tuple[Client, Client], source, tmp_path) -> None:
    target = pair[1]
    await KeyStore(source).make(name="ci", scopes=["read"], now=NOW, expires_at=None)
    secret = await WebhookSecrets(source).renew(None, NOW)
    artifact = await ArtifactStore(source.jetstream()).put(job_id="j", attempt=1, name="a", data=b"1" * 10**6)
    made = await back_up(source, tmp_path / "backup", artifacts=True, now=NOW, tell=quiet)
    assert (made.log.jobs, made.log.messages, made.log.last) == (2, 8, 8)
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "backup").iterdir()} == {0}

    assert await restore(target, tmp_path / "backup", replicas=1, replace=False, tell=quiet) == made
    assert await raw(target) == await raw(source)
    old, new = JetStreamLog(source, source="t"), JetStreamLog(target, source="t")
    for job_id in {record.event.job_id for record in await old.read_job("*")}:
        assert fold(await new.read_job(job_id)) == fold(await old.read_job(job_id))
    assert await KeyStore(target).all() == await KeyStore(source).all()
    held = await WebhookSecrets(target).of(None)
    assert held is not None
    assert held.newest == secret
    assert await ArtifactStore(target.jetstream()).get(artifact) == b"1" * 10**6
    await fill(target)
    assert (await new.extent()).last == 15, "it goes on where the backup ends"


async def test_a_stack_that_is_down_gets_the_log_of_another(
    servers: tuple[NatsServer, NatsServer], source: Client, tmp_path: Path
) -> None:
    """By the commands, into a folder that `podium up` would start a stack in."""
    copied = await asyncio.to_thread(
        podium, "backup", "there", home=tmp_path, more={"NATS_URL": servers[0].url}
    )
    assert copied.returncode == 0, copied.stderr
    assert copied.stdout.startswith("8 events of 2 jobs, up to 8, and 3 other streams, ")
    put = await asyncio.to_thread(podium, "restore", "there", "--home", "anew", "--json", home=tmp_path)
    assert put.returncode == 0, put.stderr
    assert json.loads(put.stdout)["log"]["jobs"] == 2
    again = await asyncio.to_thread(podium, "restore", "there", "--home", "anew", home=tmp_path)
    assert again.returncode == 2
    assert "JOBS there has been written to already" in again.stderr
    anew = NatsServer(tmp_path / "anew" / "nats", accounts=True)
    anew.start()
    try:
        async with anew.connection() as client:
            assert await raw(client) == await raw(source)
    finally:
        anew.kill()


async def test_rows_of_the_lost_log_are_not_mixed_with_the_restored_one(
    pair: tuple[Client, Client], source, tmp_path, database_url
) -> None:
    """Events that came after the backup are in the rows; others have their sequences in the restored log."""
    target = pair[1]
    await back_up(source, tmp_path / "backup", artifacts=False, now=NOW, tell=quiet)
    await fill(source)
    database = await asyncpg.connect(database_url)
    async with projecting(JetStreamLog(source, source="t"), database_url):
        await until_at(database, 15)
    await restore(target, tmp_path / "backup", replicas=1, replace=False, tell=quiet)
    await fill(target)
    new = JetStreamLog(target, source="t")
    assert (await new.extent()).last == 15
    table = JobTable(database_url)
    with pytest.raises(LogReplacedError, match="the rows were folded from the log made at"):
        await table.checkpoint(await new.extent())
    await table.close()
    assert await rebuild(new, Aside(), database_url=database_url, tell=quiet) == 15
    verdict = await verify(new, Aside(), database_url=database_url, tell=quiet)
    assert (verdict.jobs, verdict.different) == (4, 0)
    await database.close()


async def test_nothing_that_is_in_use_is_overwritten_unasked(
    pair: tuple[Client, Client], source, tmp_path
) -> None:
    target, folder = pair[1], tmp_path / "backup"
    await back_up(source, folder, artifacts=False, now=NOW, tell=quiet)
    await ensure_stream(target.jetstream())
    await ensure_copy(target)
    await fill(target)
    before = await raw(target)
    with pytest.raises(NotEmptyError, match="JOBS there has been written to already"):
        await restore(target, folder, replicas=1, replace=False, tell=quiet)
    reading = await target.jetstream().subscribe("jobs.>", ordered_consumer=True)
    with pytest.raises(NotEmptyError, match="readers follow the log there: stop the services first"):
        await restore(target, folder, replicas=1, replace=True, tell=quiet)
    assert await raw(target) == before
    await reading.unsubscribe()
    await restore(target, folder, replicas=1, replace=True, tell=quiet)
    assert await raw(target) == await raw(source)
    assert await ensure_copy(target), "readers get a copy of the log that is there now"


async def test_a_backup_that_is_not_whole_is_not_put_back(
    pair: tuple[Client, Client], source, tmp_path
) -> None:
    target, folder = pair[1], tmp_path / "backup"
    await back_up(source, folder, artifacts=False, now=NOW, tell=quiet)
    with pytest.raises(ArchivistError, match="is there already"):
        await back_up(source, folder, artifacts=False, now=NOW, tell=quiet)
    file = folder / f"{subjects.STREAM}.stream"
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ArchivistError, match=r"JOBS\.stream is not as it was written"):
        await restore(target, folder, replicas=1, replace=False, tell=quiet)
    (folder / NAME).unlink()
    with pytest.raises(ArchivistError, match="is no backup, or one that was not finished"):
        await restore(target, folder, replicas=1, replace=False, tell=quiet)
    assert await target.jetstream().streams_info() == []
