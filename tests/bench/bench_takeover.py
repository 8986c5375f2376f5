"""How long a scheduler that starts alone on a long log takes to its first decision, and then from a snapshot.

python -m tests.bench.bench_takeover --events 200000
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from pathlib import Path

from events.catalogue import JobRequested
from events.jetstream import JetStreamLog
from events.log import JobAt
from services.gateway.job_id import new_job_id
from tests.bench.bench_projector import HastyNatsServer, fill
from tests.schedulers import scheduled_at, scheduler


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--events", type=int, default=200_000, help="length of the log (default: %(default)s)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), events=options.events))


async def measure(folder: Path, *, events: int) -> None:
    nats = HastyNatsServer(folder)
    nats.start()
    try:
        async with nats.connection() as connection:
            await fill(connection, events=events, seed=1)
            log = JetStreamLog(connection, source="bench")
            for start in ("reading the history", "from a snapshot"):
                wall_s, cpu_s = await first_decision(nats.url, log, folder / "scheduler.log")
                print(
                    f"{events:,} events, {start}: first decision {wall_s:.2f} s after its start,"
                    f" {cpu_s:.2f} s of CPU"
                )
    finally:
        nats.kill()


async def first_decision(
    url: str, log: JetStreamLog, output: Path, *, running_max: int = 100
) -> tuple[float, float]:
    """Seconds from a scheduler's start to its first decision, and of CPU; it leaves a snapshot behind."""
    job = JobRequested(job_id=new_job_id(), competition="c", source="local", kaggle_url="local:c")
    last = await log.append(job, expect=JobAt(sequence=0))
    before, began = cpu_of_children(), time.perf_counter()
    with scheduler(url, output, running_max=running_max):
        await scheduled_at(log, job.job_id, after=last)
        wall_s = time.perf_counter() - began
        while "snapshot_kept" not in (said := output.read_text()) and "snapshot_loaded" not in said:
            await asyncio.sleep(0.05)
    return wall_s, cpu_of_children() - before


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
