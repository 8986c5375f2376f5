"""`podium projection` over real servers: what an operator sees, and the exit codes that a script sees."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from events import subjects
from events.catalogue import JobRequested
from events.dead_letters import DeadLetters
from events.jetstream import JetStreamLog, ensure_stream
from events.log import JobAt
from tests.integration.test_projector import process
from tests.servers import NatsServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

JOBS = [str(UUID(int=number)) for number in (1, 2, 3)]


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def podium(nats: NatsServer, database_url: str, tmp_path: Path):
    async def run(command: str, *program: str) -> tuple[int, str]:
        """Exit code and text; by the module that `podium` itself calls, which starts sooner."""
        environment = {**os.environ, "NATS_URL": nats.url, "DATABASE_URL": database_url}
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *(program or ("services.projector",)), command),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(running.communicate(), 60)
        return running.returncode, out.decode() if running.returncode == 0 or out else err.decode()

    return run


async def fill(nats: NatsServer) -> None:
    """Three jobs, and a message at 3 that is no event."""
    async with nats.connection() as connection:
        await ensure_stream(connection.jetstream())
        log = JetStreamLog(connection, source="test")
        for job_id in JOBS:
            request = JobRequested(job_id=job_id, competition="c", source="local", kaggle_url="local:c")
            await log.append(request, expect=JobAt(sequence=0))
            if job_id == JOBS[1]:
                await connection.jetstream().publish(f"jobs.{job_id}.JobExploded", b"poison")


async def test_rows_from_nothing_then_spoilt_then_found_out(nats, podium, database_url) -> None:
    code, text = await podium("status")
    assert code == 1
    assert "podium projector: " in text
    await fill(nats)
    code, text = await podium("rebuild")
    assert (code, text.splitlines()[-1]) == (0, "the rows are new, folded up to 4")
    assert "folded 4 of 4 events (100%)" in text
    code, text = await podium("verify")
    assert (code, text.splitlines()[-1]) == (0, "3 jobs as of 4: 0 differ from the log")
    database = await asyncpg.connect(database_url)
    await database.execute("UPDATE jobs SET status = 'lost' WHERE job_id = $1", JOBS[2])
    await database.close()
    code, text = await podium("verify", "cli", "projection")
    assert (code, text.splitlines()[-1]) == (1, "3 jobs as of 4: 1 differ from the log")
    assert f"{JOBS[2]}: status is lost, should be queued" in text


async def test_projectors_store_one_letter_and_status_shows_it(nats, podium, database_url) -> None:
    await fill(nats)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(process(nats.url, database_url))
        async with asyncio.timeout(30):
            text = ""
            while "nothing behind" not in text:
                text = (await podium("status"))[1]
    assert "ends at 4" in text
    assert "dead letters  1\n" in text
    assert f"  3  jobs.{JOBS[1]}.JobExploded: JSON is malformed" in text
    async with nats.connection() as connection:
        assert await DeadLetters(connection).count() == 1


async def test_a_log_that_was_wiped_is_named_with_what_to_do(nats, podium) -> None:
    await fill(nats)
    assert (await podium("rebuild"))[0] == 0
    async with nats.connection() as connection:
        js = connection.jetstream()
        # As a wiped volume would: the stream is gone and made anew.
        await js.delete_stream(subjects.STREAM)
        await ensure_stream(js)
    code, text = await podium("status")
    assert code == 1
    assert "trouble       the rows were folded from the log made at" in text
    assert "podium projection rebuild" in text
    code, text = await podium("verify")
    assert (code, "podium projection rebuild" in text) == (1, True)
    assert (await podium("rebuild"))[0] == 0
    code, text = await podium("status")
    assert (code, "nothing behind" in text) == (0, True)
