"""How fast the projector folds a stored log into Postgres, beside its two limits: reading and writing alone.

python -m tests.bench.bench_projector --events 200000
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
from msgspec.structs import astuple

from cli.embedded.postgres import Postgres
from events import catalogue, subjects
from events.jetstream import JetStreamLog, ensure_stream
from events.log import JobAt
from services.projector.loop import Projector
from services.projector.migrations import migrate
from services.projector.rows import Row, decode, row_of
from services.projector.table import JobTable
from tests.bench.jobs import histories
from tests.servers import NatsServer

if TYPE_CHECKING:
    from nats.aio.client import Client

_STORE_S = 600.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--events", type=int, default=200_000, help="length of the log (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the jobs' histories (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), events=options.events, seed=options.seed))


async def measure(folder: Path, *, events: int, seed: int) -> None:
    folder.chmod(0o755)
    nats, postgres = NatsServer(folder / "nats"), Postgres(folder / "postgres")
    (folder / "nats").mkdir()
    nats.start()
    try:
        url = postgres.start()
        async with nats.connection() as connection:
            await fill(connection, events=events, seed=seed)
            log = JetStreamLog(connection, source="bench")
            report("follow alone", events, await time_follow(log, events), "events")
            report("projector", events, await time_projector(log, url, events), "events")
            database = await asyncpg.connect(url)
            rows = await time_copy(database)
            report("COPY of its rows", *rows, "rows")
            await database.close()
    finally:
        nats.kill()
        postgres.stop(timeout_s=10)


async def fill(connection: Client, *, events: int, seed: int) -> None:
    """Store the log without waiting for each acknowledgement."""
    js = connection.jetstream()
    await ensure_stream(js)
    log = JetStreamLog(connection, source="podium/executor-1")
    last_of_job: dict[str, int] = {}
    for sequence, event in enumerate(histories(events=events, seed=seed), start=1):
        expect = JobAt(sequence=last_of_job.get(event.job_id, 0))
        headers = log._headers(event, f"{sequence:032x}", expect)
        await connection.publish(subjects.of_event(event), catalogue.encode(event), headers=headers)
        last_of_job[event.job_id] = sequence
        if sequence % 1000 == 0:
            await connection.flush()
    async with asyncio.timeout(_STORE_S):
        while (await js.stream_info(subjects.STREAM)).state.messages < events:
            await asyncio.sleep(0.1)


async def time_follow(log: JetStreamLog, events: int) -> float:
    begun = time.perf_counter()
    async with aclosing(log.follow(after=0)) as batches:
        async for batch in batches:
            if batch.records and batch.records[-1].sequence >= events:
                break
    return time.perf_counter() - begun


async def time_projector(log: JetStreamLog, url: str, events: int) -> float:
    table = JobTable(url)
    await table.checkpoint()
    begun = time.perf_counter()
    task = asyncio.create_task(Projector(log, table).run())
    watcher = await asyncpg.connect(url)
    while await watcher.fetchval("SELECT sequence FROM projection_checkpoint") < events:
        await asyncio.sleep(0.05)
    taken_s = time.perf_counter() - begun
    task.cancel()
    await asyncio.wait([task])
    await table.close()
    await watcher.close()
    return taken_s


async def time_copy(database: asyncpg.Connection[Any]) -> tuple[int, float]:
    """The rows again, at once and into an empty table like the first."""
    await migrate(database)
    jobs = await database.fetch("SELECT job_id, metadata FROM jobs")
    rows = [astuple(row_of(row["job_id"], decode(row["metadata"]))) for row in jobs]
    await database.execute("CREATE TABLE copied (LIKE jobs INCLUDING ALL)")
    begun = time.perf_counter()
    await database.copy_records_to_table("copied", records=rows, columns=Row.__struct_fields__)
    return len(rows), time.perf_counter() - begun


def report(what: str, count: int, taken_s: float, unit: str) -> None:
    print(f"{what:18} {count / taken_s:10,.0f} {unit}/s   ({count:,} in {taken_s:.2f} s)")


if __name__ == "__main__":
    main()
