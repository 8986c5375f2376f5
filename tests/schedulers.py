"""Real scheduler processes for tests, and when they decided."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from events.catalogue import AttemptScheduled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.jetstream import JetStreamLog

ROOT = Path(__file__).parents[1]


@contextmanager
def scheduler(nats_url: str, output: Path, *, running_max: int = 10) -> Iterator[subprocess.Popen[bytes]]:
    """A scheduler's process, killed at the end; it has connected once it says `started`."""
    with output.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.scheduler"],
            env={**os.environ, "NATS_URL": nats_url, "PODIUM_MAX_RUNNING": str(running_max)},
            cwd=ROOT,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until_started(output: Path) -> None:
    deadline = time.monotonic() + 30
    while b'"started"' not in output.read_bytes():
        if time.monotonic() > deadline:
            raise TimeoutError(output.read_text())
        time.sleep(0.02)


async def scheduled_at(log: JetStreamLog, job_id: str, *, after: int) -> float:
    """When (by `time.perf_counter`) an attempt of the job was scheduled, past a sequence."""
    async with aclosing(log.follow(after=after)) as batches:
        async for batch in batches:
            for record in batch.records:
                if isinstance(record.event, AttemptScheduled) and record.event.job_id == job_id:
                    return time.perf_counter()
    raise AssertionError("a follower never ends")
