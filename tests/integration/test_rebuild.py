"""Rows made anew beside the old ones while projectors run, and rows compared with the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from events.memory import MemoryLog
from services.projector.position import LogReplacedError
from services.projector.rebuild import SCHEMA, rebuild
from services.projector.scratch import BusyError, scratch
from services.projector.table import JobTable
from services.projector.verify import SHOWN, verify
from tests.integration.test_projector import append, dump, project, projecting, until_at
from tests.unit.projector.test_loop import Aside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from events.log import Extent

EVENTS = 1500


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def log() -> MemoryLog:
    log = MemoryLog()
    await append(log, EVENTS)
    return log


def quiet(at: int, of: int) -> None:
    assert at <= of


async def schemas(database: asyncpg.Connection) -> set[str]:
    rows = await database.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'podium%'")
    return {row["nspname"] for row in rows}


async def names(database: asyncpg.Connection) -> set[str]:
    rows = await database.fetch("SELECT indexname FROM pg_indexes WHERE tablename = 'jobs'")
    return {row["indexname"] for row in rows}


async def test_spoilt_rows_are_made_right_and_keep_their_names(log, database_url, database) -> None:
    right, indexes = await project(log, database_url, database), await names(database)
    await database.execute("UPDATE jobs SET status = 'lost'; DELETE FROM jobs WHERE attempt = 2")
    assert await rebuild(log, Aside(), database_url=database_url, tell=quiet) == EVENTS
    assert await dump(database) == right
    assert await names(database) == indexes
    assert await schemas(database) == set()


async def test_projectors_and_readers_go_on_over_any_number_of_rebuilds(database_url, database) -> None:
    log = MemoryLog()
    await append(log, EVENTS, seed=1)
    stop = asyncio.Event()

    async def read() -> int:
        count = 0
        while not stop.is_set():
            rows = await database.fetchval("SELECT count(*) FROM jobs")
            assert rows >= count, "a reader saw the past"
            count = rows
            await asyncio.sleep(0.002)
        return count

    async with projecting(log, database_url), projecting(log, database_url):
        await until_at(database, 1)
        reading = asyncio.create_task(read())
        writing = asyncio.create_task(append(log, EVENTS, seed=2))
        for _ in range(3):
            await rebuild(log, Aside(), database_url=database_url, tell=quiet)
        await writing
        watcher = await asyncpg.connect(database_url)
        await until_at(watcher, 2 * EVENTS)
        await watcher.close()
        stop.set()
        assert await reading > 80
    verdict = await verify(log, Aside(), database_url=database_url, tell=quiet)
    assert (verdict.different, verdict.sequence) == (0, 2 * EVENTS)
    assert verdict.jobs == await database.fetchval("SELECT count(*) FROM jobs")


async def test_where_the_log_ends_is_asked_while_the_rows_cannot_move(database_url, database) -> None:
    """Asked before, rows that went on meanwhile would seem to be of another log, and older ones come back."""
    locked = []

    class Watched(MemoryLog):
        async def extent(self) -> Extent:
            try:
                await database.execute("SELECT FROM projection_checkpoint FOR UPDATE NOWAIT")
                locked.append(False)
            except asyncpg.LockNotAvailableError:
                locked.append(True)
            return await super().extent()

    log = Watched()
    await append(log, 50)
    table = JobTable(database_url)
    await table.checkpoint(await MemoryLog.extent(log))
    await table.close()
    await rebuild(log, Aside(), database_url=database_url, tell=quiet)
    assert locked == [False, True]


async def test_a_rebuild_that_is_killed_breaks_nothing_and_can_be_run_again(
    log, database_url, database
) -> None:
    right = await project(log, database_url, database)

    class KilledError(Exception):
        pass

    def kill(at: int, of: int) -> None:
        raise KilledError

    # What a killed process leaves behind: a schema half full.
    await database.execute(f"CREATE SCHEMA {SCHEMA}; CREATE TABLE {SCHEMA}.jobs (half INT)")
    with pytest.raises(KilledError):
        await rebuild(log, Aside(), database_url=database_url, tell=kill)
    assert await dump(database) == right
    await rebuild(log, Aside(), database_url=database_url, tell=quiet)
    assert await dump(database) == right


async def test_one_rebuild_at_a_time(log, database_url, database) -> None:
    async with scratch(database_url, SCHEMA):
        with pytest.raises(BusyError):
            await rebuild(log, Aside(), database_url=database_url, tell=quiet)


async def test_a_view_of_somebodys_keeps_the_old_rows(log, database_url, database) -> None:
    right = await project(log, database_url, database)
    await database.execute("CREATE VIEW theirs AS SELECT status FROM jobs")
    with pytest.raises(asyncpg.DependentObjectsStillExistError):
        await rebuild(log, Aside(), database_url=database_url, tell=quiet)
    assert await dump(database) == right
    assert await schemas(database) == set()


async def test_rows_of_a_log_that_is_gone_are_replaced_by_those_of_the_one_there_is(
    log, database_url, database
) -> None:
    await project(log, database_url, database)
    new = MemoryLog()
    await append(new, 50, seed=3)
    with pytest.raises(LogReplacedError, match="this one was made at memory"):
        await verify(new, Aside(), database_url=database_url, tell=quiet)
    async with projecting(new, database_url):
        assert await rebuild(new, Aside(), database_url=database_url, tell=quiet) == 50
    assert (await verify(new, Aside(), database_url=database_url, tell=quiet)).different == 0


async def test_every_difference_is_found_and_named(log, database_url, database) -> None:
    await project(log, database_url, database)
    first, second, third = await database.fetch("SELECT job_id FROM jobs ORDER BY job_id LIMIT 3")
    await database.execute("UPDATE jobs SET status = 'lost' WHERE job_id = $1", first["job_id"])
    await database.execute("DELETE FROM jobs WHERE job_id = $1", second["job_id"])
    await database.execute(
        """UPDATE jobs SET metadata = metadata || '{"budget_s": 1}' WHERE job_id = $1""", third["job_id"]
    )
    await database.execute(
        "INSERT INTO jobs SELECT gen_random_uuid(), kaggle_url, competition_name, 'odd', created_at,"
        " started_at, completed_at, attempt, submission_path, error_message, metadata, sequence"
        f" FROM jobs WHERE job_id = '{first['job_id']}'"
    )
    verdict = await verify(log, Aside(), database_url=database_url, tell=quiet)
    assert verdict.different == 4
    text = "\n".join(verdict.shown)
    assert f"{first['job_id']}: status is lost, should be success" in text
    assert f"{second['job_id']} has no row" in text
    assert f"{third['job_id']}: metadata differs in budget_s" in text
    assert "has a row (odd), and no events" in text
    assert await schemas(database) == set()


async def test_so_many_differences_are_shown_and_all_are_counted(log, database_url, database) -> None:
    await project(log, database_url, database)
    await database.execute("UPDATE jobs SET attempt = 9")
    verdict = await verify(log, Aside(), database_url=database_url, tell=quiet)
    assert (verdict.different, len(verdict.shown)) == (verdict.jobs, SHOWN)
