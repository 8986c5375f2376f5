"""What is judged (the log, the rows, what watchers saw, the marks that agents left), and how it is read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import nats

from events.jetstream import JetStreamLog
from events.job import Job
from events.recorded import Recorded
from services.projector.rows import decode

if TYPE_CHECKING:
    from pathlib import Path

    from nats.aio.client import Client

_CAUGHT_UP_S = 30.0


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One agent process: when it lived (seconds since 1970), and whether it came to its good end."""

    job_id: str
    attempt: int
    began_s: float
    last_s: float
    finished: bool


class History(msgspec.Struct, frozen=True, kw_only=True):
    """All that is left of a run.

    `accepted` are the jobs that a client has a 202 for; `seen` has the sequences that the watcher of each
    was given; `marks` is None where agents could leave none.
    """

    records: tuple[Recorded, ...]
    rows: dict[str, Job]
    marks: tuple[Mark, ...] | None
    accepted: frozenset[str]
    seen: dict[str, list[int]]


async def read_log(nats_url: str) -> tuple[Recorded, ...]:
    """Every event there is."""
    connection = await nats.connect(nats_url)
    try:
        return await records_in(connection)
    finally:
        await connection.close()


async def records_in(connection: Client) -> tuple[Recorded, ...]:
    """Every event of the log that a connection leads to."""
    records: list[Recorded] = []
    async for batch in JetStreamLog(connection, source="judge").follow(after=0):
        records += batch.records
        if batch.caught_up:
            break
    return tuple(records)


async def read_rows(database_url: str, *, last: int) -> dict[str, Job]:
    """The rows once the projector has folded in the event with the sequence `last`."""
    connection = await asyncpg.connect(database_url)
    async with asyncio.timeout(_CAUGHT_UP_S):
        while await connection.fetchval("SELECT sequence FROM projection_checkpoint") < last:
            await asyncio.sleep(0.1)
    rows = await connection.fetch("SELECT job_id, status, sequence, metadata FROM jobs")
    await connection.close()
    jobs = {str(row["job_id"]): decode(row["metadata"]) for row in rows}
    for row in rows:
        job = jobs[str(row["job_id"])]
        assert (row["status"], row["sequence"]) == (job.status, job.sequence)
    return jobs


def read_marks(folder: Path) -> tuple[Mark, ...]:
    """The marks of all agents; see `tests.chaos.agent`."""
    found = []
    for file in folder.glob("*_*_*"):
        if file.suffix == ".end":
            continue
        job_id, attempt, _ = file.name.split("_")
        found.append(
            Mark(
                job_id=job_id,
                attempt=int(attempt),
                began_s=float(file.read_text()),
                last_s=file.stat().st_mtime,
                finished=file.with_name(f"{file.name}.end").exists(),
            )
        )
    return tuple(found)
