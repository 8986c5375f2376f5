"""`kill -9` of a part in the middle of a job: after a restart the job completes and its row is right."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import nats

from events.jetstream import JetStreamLog
from events.job import Job, fold
from tests.e2e.stack import running, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.stack import Stack

SLUG = "titanic-passenger-survival"


def test_a_job_outlives_its_projector_and_then_its_scheduler(home: Path, database_url: str) -> None:
    with running(home, database_url, PODIUM_RUNTIME="process") as stack:
        job = stack.submit(SLUG)
        wait_for(lambda: is_in(stack, job, "analysis"), timeout_s=60, what=lambda: stack.log_of("executor"))
        stack.kill("projector")
        wait_for(lambda: is_in(stack, job, "training"), timeout_s=60, what=lambda: stack.log_of("executor"))
        stack.kill("scheduler")
        attempt_has_ended = lambda: stack.status(job)["attempts"][-1]["ended_at"] is not None  # noqa: E731
        wait_for(attempt_has_ended, timeout_s=90, what=lambda: stack.log_of("executor"))
        assert stack.status(job)["status"] == "running", "only a scheduler ends a job"
        stack.start("scheduler", "projector")
        assert stack.wait_ended(job, timeout_s=30)["status"] == "success"
        folded, row = asyncio.run(fold_and_row(stack, job))
    assert row == folded
    assert folded.status == "success"
    assert len(folded.attempts) == 1


def is_in(stack: Stack, job: str, stage: str) -> bool:
    stages: list[dict[str, Any]] = stack.status(job)["stages"]
    return any(part["stage"] == stage for part in stages)


async def fold_and_row(stack: Stack, job_id: str) -> tuple[Job, Job]:
    """The job as its events say, and as the row says once the projector has caught up."""
    connection = await nats.connect(stack.nats.url)
    folded = fold(await JetStreamLog(connection, source="test").read_job(job_id))
    await connection.close()
    assert folded is not None
    database = await asyncpg.connect(stack.database_url)
    async with asyncio.timeout(15):
        while True:
            row = await database.fetchrow(
                "SELECT status, sequence, metadata FROM jobs WHERE job_id = $1", job_id
            )
            if row is not None and row["sequence"] == folded.sequence:
                break
            await asyncio.sleep(0.1)
    await database.close()
    assert row["status"] == folded.status
    return folded, msgspec.json.decode(row["metadata"], type=Job)


def test_an_executor_that_was_killed_costs_an_attempt_and_not_the_job(home: Path, database_url: str) -> None:
    with running(home, database_url, PODIUM_RUNTIME="process", PODIUM_RETRY_DELAYS_S="0.5,0.5") as stack:
        job = stack.submit(SLUG)
        wait_for(lambda: is_in(stack, job, "training"), timeout_s=60, what=lambda: stack.log_of("executor"))
        stack.kill("executor")
        stack.start("executor")
        view = stack.wait_ended(job, timeout_s=90)
    assert view["status"] == "success"
    assert [attempt["status"] for attempt in view["attempts"]] == ["failed", "succeeded"]
    assert view["attempts"][0]["error"]["reason"] == "executor_restarted"
