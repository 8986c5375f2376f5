"""How fast the projector folds a stored log, beside reading alone, a queue's pull and ack, and COPY.

python -m tests.bench.bench_projector --events 200000
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import tempfile
import time
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
from msgspec.structs import astuple

from cli.embedded.postgres import Postgres
from cli.embedded.servers import nats_command
from events import catalogue, subjects
from events.dead_letters import DeadLetters
from events.jetstream import JetStreamLog, ensure_stream
from events.log import JobAt
from services.projector.loop import Projector
from services.projector.rows import Row, decode, row_of
from services.projector.table import JobTable
from tests.bench.jobs import histories
from tests.servers import NatsServer, _wait_for_port

if TYPE_CHECKING:
    from collections.abc import Iterator

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


class HastyNatsServer(NatsServer):
    """It does not sync each write: filling the log is not what is measured."""

    def start(self) -> None:
        command = nats_command(self._folder, self.port)
        config = Path(command[-1])
        config.write_text(config.read_text().replace("sync_interval: always", 'sync_interval: "2m"'))
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        _wait_for_port(self.port)


async def measure(folder: Path, *, events: int, seed: int) -> None:
    folder.chmod(0o755)
    nats, postgres = HastyNatsServer(folder / "nats"), Postgres(folder / "postgres")
    nats.start()
    try:
        url = postgres.start()
        async with nats.connection() as connection:
            await fill(connection, events=events, seed=seed)
            log = JetStreamLog(connection, source="bench")
            with timed("follow alone", "events", events):
                await follow_all(log, events)
            with timed("pull and ack", "events", events):
                await pull_all(connection, events)
            await JobTable(url).checkpoint(await log.extent())
            with timed("projector", "events", events):
                await project_all(connection, url, events)
            await copy_all(url)
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


async def follow_all(log: JetStreamLog, events: int) -> None:
    async with aclosing(log.follow(after=0)) as batches:
        async for batch in batches:
            if batch.records and batch.records[-1].sequence >= events:
                return


async def pull_all(connection: Client, events: int) -> None:
    """What a work queue does: fetch a thousand from a durable consumer, acknowledge each, decode nothing."""
    consumer = await connection.jetstream().pull_subscribe(subjects.ALL_EVENTS, durable="bench")
    taken = 0
    while taken < events:
        messages = await consumer.fetch(1000, timeout=5)
        for message in messages:
            await message.ack()
        taken += len(messages)
    await consumer.unsubscribe()


async def project_all(connection: Client, url: str, events: int) -> None:
    table = JobTable(url)
    log = JetStreamLog(connection, source="bench")
    task = asyncio.create_task(Projector(log, table, DeadLetters(connection)).run())
    watcher = await asyncpg.connect(url)
    while await watcher.fetchval("SELECT sequence FROM projection_checkpoint") < events:
        await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])
    await table.close()
    await watcher.close()


async def copy_all(url: str) -> None:
    """Write the same rows again, at once, into an empty table like the first."""
    database = await asyncpg.connect(url)
    jobs = await database.fetch("SELECT job_id, metadata FROM jobs")
    rows = [astuple(row_of(row["job_id"], decode(row["metadata"]))) for row in jobs]
    await database.execute("CREATE TABLE copied (LIKE jobs INCLUDING ALL)")
    with timed("COPY of its rows", "rows", len(rows)):
        await database.copy_records_to_table("copied", records=rows, columns=Row.__struct_fields__)
    await database.close()


@contextmanager
def timed(what: str, unit: str, count: int) -> Iterator[None]:
    """Print the rate, and that per second of this process's CPU: what an unloaded machine would come near."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what:17}{count:9,} {unit:7}{count / wall_s:10,.0f}/s {count / cpu_s:10,.0f}/s of own CPU")


if __name__ == "__main__":
    main()
