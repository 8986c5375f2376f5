"""Old jobs moved from the log to files: killed anywhere, nothing is lost; to readers, nothing has changed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
from msgspec.structs import replace

from events import subjects
from events.archives import digest_file, lines_in
from events.catalogue import AttemptScheduled, JobArchived, JobCancelled
from events.jetstream import JetStreamLog, ensure_stream
from events.job import fold
from events.lines import read_record
from events.live import LiveJobs
from events.log import JobAt, LogAt
from services.archivist import archive_file
from services.archivist.archive import Archivist
from services.archivist.backup import back_up
from services.archivist.errors import ArchivistError
from services.archivist.restore import restore
from services.projector.rebuild import rebuild
from services.projector.verify import verify
from tests.integration.gateway_serving import requested, started
from tests.integration.test_projector import dump, projecting, until_at
from tests.servers import NatsServer
from tests.unit.cli.command import podium
from tests.unit.projector.test_loop import Aside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from nats.aio.client import Client

    from events.catalogue import JobRequested
    from events.log import Batch


def quiet(*_: object) -> None:
    """Progress that nobody reads."""


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    async with server.connection() as client:
        await ensure_stream(client.jetstream())
        yield client


@pytest.fixture
def log(client: Client) -> JetStreamLog:
    return JetStreamLog(client, source="test")


async def run_job(log: JetStreamLog, *, ends: bool = True) -> JobRequested:
    job = requested()
    last = await log.append(job, expect=JobAt(sequence=0))
    for event in started(job.job_id):
        last = await log.append(event, expect=JobAt(sequence=last))
    if ends:
        await log.append(JobCancelled(job_id=job.job_id), expect=JobAt(sequence=last))
    return job


def later() -> datetime:
    """A time at which all that has ended by now is old."""
    return datetime.now(UTC) + timedelta(seconds=1)


async def everything(log: JetStreamLog) -> list[Batch]:
    return await log.read_job("*")


async def test_an_old_job_goes_to_a_file_and_stays_what_it_was(client, log, tmp_path) -> None:
    old, live = await run_job(log), await run_job(log, ends=False)
    before = await log.read_job(old.job_id)
    looked = await Archivist(client, None, tell=quiet).run(before=later())
    assert (looked.jobs, looked.events, looked.files) == (1, 4, ())
    assert await log.read_job(old.job_id) == before, "only looked"

    done = await Archivist(client, tmp_path / "a", tell=quiet).run(before=later())
    assert (done.jobs, done.events, done.left) == (1, 4, {})
    file = tmp_path / "a" / done.files[0]
    assert [read_record(line) for line in lines_in(file)] == before
    [mark] = await log.read_job(old.job_id)
    job = fold([mark])
    assert job.archive.file == file.name
    assert replace(job, archive=None, sequence=before[-1].sequence) == fold(before)
    assert len(await log.read_job(live.job_id)) == 3
    again = await Archivist(client, tmp_path / "a", tell=quiet).run(before=later())
    assert (again.jobs, again.files) == (0, ())


async def test_what_is_young_or_lives_or_waits_for_a_webhook_stays(client, log, tmp_path) -> None:
    job = await run_job(log)
    early = datetime.now(UTC) - timedelta(minutes=1)
    assert (await Archivist(client, tmp_path / "a", tell=quiet).run(before=early)).jobs == 0
    reading = await client.jetstream().pull_subscribe("jobs.*.JobCancelled", durable=subjects.WEBHOOKS)
    done = await Archivist(client, tmp_path / "a", tell=quiet).run(before=later())
    assert (done.jobs, done.left) == (0, {"webhooks due": 1})
    [message] = await reading.fetch(1)
    await message.ack_sync()
    done = await Archivist(client, tmp_path / "a", tell=quiet).run(before=later())
    assert (done.jobs, done.left) == (1, {})
    assert len(await log.read_job(job.job_id)) == 1


class KilledError(Exception):
    """In the place of a SIGKILL."""


@pytest.mark.parametrize("at", ["write", "check", "append", "_take_out"])
async def test_killed_anywhere_it_has_lost_nothing_and_goes_on(
    client, log, tmp_path, monkeypatch, at
) -> None:
    job = await run_job(log)
    folded = fold(await log.read_job(job.job_id))

    def killed(*_: object, **__: object) -> None:
        raise KilledError

    where = {
        "write": (archive_file, "sync_folder"),
        "check": ("services.archivist.archive", "check"),
        "append": (JetStreamLog, "append"),
        "_take_out": (Archivist, "_take_out"),
    }[at]
    with monkeypatch.context() as patched:
        if isinstance(where[0], str):
            patched.setattr(f"{where[0]}.{where[1]}", killed)
        else:
            patched.setattr(*where, killed)
        with pytest.raises(KilledError):
            await Archivist(client, tmp_path / "a", tell=quiet).run(before=later())
    records = await log.read_job(job.job_id)
    assert len(records) == (5 if at == "_take_out" else 4)
    assert replace(fold(records), archive=None, sequence=folded.sequence) == folded
    done = await Archivist(client, tmp_path / "a", tell=quiet).run(before=later())
    assert (done.jobs, done.events, done.left) == (1, 4, {})
    [mark] = await log.read_job(job.job_id)
    assert replace(fold([mark]), archive=None, sequence=folded.sequence) == folded
    assert len(list((tmp_path / "a").glob("*.zst"))) == 1, "the same events make the same file"


async def test_a_file_that_is_damaged_or_gone_takes_nothing_out(client, log, tmp_path, monkeypatch) -> None:
    job = await run_job(log)
    honest = archive_file.write

    def damaged(folder: Path, messages) -> Path:
        path = honest(folder, messages)
        path.write_bytes(path.read_bytes()[:-5] + b"12345")
        return path

    monkeypatch.setattr("services.archivist.archive.write", damaged)
    with pytest.raises(ArchivistError, match="is not as it was written"):
        await Archivist(client, tmp_path / "a", tell=quiet).run(before=later())
    assert len(await log.read_job(job.job_id)) == 4
    monkeypatch.undo()
    with monkeypatch.context() as patched:
        patched.setattr(Archivist, "_take_out", lambda *_: (_ for _ in ()).throw(KilledError()))
        with pytest.raises(KilledError):
            await Archivist(client, tmp_path / "a", tell=quiet).run(before=later())
    elsewhere = await Archivist(client, tmp_path / "b", tell=quiet).run(before=later())
    assert elsewhere.jobs == 0
    assert "which is not there as it was" in next(iter(elsewhere.left))
    assert len(await log.read_job(job.job_id)) == 5


async def test_schedulers_and_late_writers_go_on_as_before(client, log, tmp_path) -> None:
    old, live = await run_job(log), await run_job(log, ends=False)
    waiting = requested()
    await log.append(waiting, expect=JobAt(sequence=0))
    before = LiveJobs()
    for record in await everything(log):
        before.observe(record)
    await Archivist(client, tmp_path / "a", tell=quiet).run(before=later())
    records = await everything(log)
    for jobs in (before, after := LiveJobs()):
        for record in records:
            jobs.observe(record)
        assert {job.job_id for job in jobs} == {live.job_id, waiting.job_id}
        assert jobs.sequence == records[-1].sequence
    scheduled = AttemptScheduled(job_id=waiting.job_id, attempt=1)
    assert await log.append(scheduled, expect=LogAt(sequence=after.sequence)) == after.sequence + 1
    assert isinstance((await log.read_job(old.job_id))[0].event, JobArchived)


async def test_rows_are_the_same_after_a_rebuild_and_after_a_restore(
    client, log, tmp_path, database_url
) -> None:
    for ends in (True, True, False):
        await run_job(log, ends=ends)
    database = await asyncpg.connect(database_url)
    async with projecting(log, database_url):
        await Archivist(client, tmp_path / "a", tell=quiet).run(before=later())
        last = (await log.extent()).last
        await until_at(database, last)
    rows = await dump(database)
    assert (await verify(log, Aside(), database_url=database_url, tell=quiet)).different == 0
    await rebuild(log, Aside(), database_url=database_url, tell=quiet)
    assert await dump(database) == rows
    (tmp_path / "anew").mkdir()
    made = await back_up(client, tmp_path / "backup", artifacts=False, now=later(), tell=quiet)
    anew = NatsServer(tmp_path / "anew")
    anew.start()
    try:
        async with anew.connection() as target:
            assert await restore(target, tmp_path / "backup", replicas=1, replace=False, tell=quiet) == made
            restored = JetStreamLog(target, source="t")
            await rebuild(restored, Aside(), database_url=database_url, tell=quiet)
            assert (await restored.extent()).last == last
    finally:
        anew.kill()
    assert await dump(database) == rows
    await database.close()


async def test_the_command_archives_and_replays(server, log, tmp_path) -> None:
    job = await run_job(log)
    second = await run_job(log)
    more = {"NATS_URL": server.url}

    async def run(*words: str):
        return await asyncio.to_thread(podium, *words, home=tmp_path, more=more)

    await asyncio.sleep(1.1)
    would = await run("archive", "--to", "a", "--older-than", "1s")
    assert (would.returncode, would.stdout.splitlines()[0]) == (0, "2 jobs with 8 events would be archived.")
    assert not (tmp_path / "a").exists()
    done = await run("archive", "--to", "a", "--older-than", "1s", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "2 jobs with 8 events are archived."
    file = done.stdout.splitlines()[1].strip()
    shown = await run("replay", job.job_id, "--file", file)
    assert (shown.returncode, len(shown.stdout.splitlines())) == (0, 5)
    both = await run("replay", file)
    assert both.returncode == 2
    assert f"holds 2 jobs.\n  hint: Say which: podium replay JOB --file {file}" in both.stderr
    plain = tmp_path / "plain.ndjson"
    plain.write_bytes(b"".join(line for line in lines_in(tmp_path / file) if second.job_id.encode() in line))
    assert (await run("replay", "plain.ndjson")).stdout.count("Job") == 2
    digest_file(tmp_path / file).write_text("00  x\n")
    broken = await run("replay", file)
    assert (broken.returncode, broken.stderr.count("is not as it was written")) == (2, 1)
