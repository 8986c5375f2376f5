"""One measurement of `tests.bench.bench_scale` in a process of its own, so that its memory is its own.

python -m tests.bench.scale_part scheduler 10000
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import deque
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from events.catalogue import AttemptScheduled, JobSucceeded
from events.catalogue import encode as payload_of
from events.live import LiveJobs
from events.live_snapshot import decode, encode
from events.log import Extent, JobAt
from events.recorded import Recorded
from events.stored import read
from events.subjects import of_event
from services.projector.folding import Folding
from services.projector.rows import decode as job_in
from services.projector.rows import keys_of, project, row_of
from services.running import utc_now
from services.scheduler.loop import Scheduler
from services.scheduler.roster import Roster
from services.scheduler.rules import Rules, Sightings, decide
from tests.bench.scale_jobs import EVENTS, LIVE, attempt, batches, job_id, records, requested
from tests.bench.scale_log import PassingLog

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from events.catalogue import Event


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured: processor seconds, and the most memory that the process had."""

    jobs: int
    cpu_s: float
    rss_bytes: int
    more: dict[str, float] = {}


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    what, jobs = sys.argv[1], int(sys.argv[2])
    parts = {"scheduler": scheduler, "projector": projector, "start": start, "waiting": waiting}
    cpu_s, more = asyncio.run(parts[what](jobs))
    part = Part(jobs=jobs, cpu_s=cpu_s, rss_bytes=_rss_bytes_max(), more=more)
    sys.stdout.write(msgspec.json.encode(part).decode())


async def scheduler(jobs: int) -> tuple[float, dict[str, float]]:
    """The real shell and rules decide for jobs that come as others end."""
    given: deque[tuple[str, int]] = deque()
    ended = 0

    def stored(event: Event, sequence: int) -> None:
        nonlocal ended
        if isinstance(event, AttemptScheduled):
            given.append((event.job_id, sequence))
        ended += isinstance(event, JobSucceeded)

    log = PassingLog(stored)
    roster = Roster(utc_now)
    deciding = asyncio.create_task(Scheduler(log, Rules(running_max=LIVE // 2), roster, clock=utc_now).run())
    asked = 0
    while ended < jobs:
        while asked < jobs and asked - ended < LIVE:
            await log.append(requested(job_id(asked)), expect=JobAt(sequence=0))
            asked += 1
        for name, sequence in list(given):
            for event in attempt(name):
                sequence = await log.append(event, expect=JobAt(sequence=sequence))  # noqa: PLW2901
        given.clear()
        await asyncio.sleep(0)
    deciding.cancel()
    assert log.last == EVENTS * jobs
    return log.follower_s, {}


class LiveRows:
    """The table, of which only the rows of live jobs are kept: those of ended ones are Postgres' business."""

    def __init__(self) -> None:
        self._rows: dict[UUID, str] = {}
        self.written = 0

    async def checkpoint(self, extent: Extent) -> int:
        """It is a mistake of the measurement: it does not follow from a checkpoint."""
        raise AssertionError(extent)

    async def fold_in(self, records: Sequence[Recorded], *, after: int) -> int:
        """As `services.projector.table.JobTable` does it, up to what it sends."""
        keys = keys_of(records)
        known = {key: job_in(self._rows[key]) for key in keys.values() if key in self._rows}
        for key, job in project(known, records, keys).items():
            row = row_of(key, job)
            self.written += 1
            if job.has_ended:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row.metadata
        return records[-1].sequence


class NoneAside:
    """Nothing is to be set aside here."""

    async def set_aside(self, sequence: int, reason: str) -> None:
        """It is a mistake of the measurement."""
        raise AssertionError(f"{sequence}: {reason}")


async def projector(jobs: int) -> tuple[float, dict[str, float]]:
    """The real folding makes rows of batches."""
    table = LiveRows()
    folding = Folding(table, NoneAside())
    after, cpu_s = 0, 0.0
    for batch in batches(records(jobs)):
        began = time.process_time()
        after = await folding.fold(batch, after=after)
        cpu_s += time.process_time() - began
    assert after == EVENTS * jobs
    return cpu_s, {"rows_per_job": table.written / jobs}


async def start(jobs: int) -> tuple[float, dict[str, float]]:
    """What a scheduler does with messages before its first decision; and with a snapshot instead."""
    live, cpu_s = LiveJobs(), 0.0
    upto = EVENTS * jobs - EVENTS * LIVE // 2  # some are still alive
    for batch in batches(islice(records(jobs), upto)):
        messages = [(of_event(one.event), payload_of(one.event), _headers(one), one) for one in batch]
        began = time.process_time()
        for subject, payload, headers, one in messages:
            live.observe(read(subject, payload, headers, sequence=one.sequence, stored_at=one.time))
        cpu_s += time.process_time() - began
    state = live.state
    data = encode(state, log="this")
    began = time.process_time()
    same = LiveJobs(decode(data, Extent(identity="this", last=upto)))
    snapshot_s = time.process_time() - began
    assert same.state == state
    return cpu_s, {"snapshot_s": snapshot_s, "snapshot_bytes": len(data), "live": len(live)}


def _headers(record: Recorded) -> dict[str, str]:
    return {"ce-id": record.event_id, "ce-source": record.source, "ce-time": record.time.isoformat()}


async def waiting(jobs: int) -> tuple[float, dict[str, float]]:
    """All jobs are asked for at once, and the rules give a hundred places away, one after the other."""
    live = LiveJobs()
    asked = (requested(job_id(number)) for number in range(jobs))
    for number, event in enumerate(asked, 1):
        live.observe(_recorded(number, event))
    sightings, rounds = Sightings(since=utc_now(), last={}), 100
    began = time.process_time()
    for count in range(1, rounds + 1):
        for decision in decide(live, sightings, Rules(running_max=count), utc_now(), chance=lambda: 1.0):
            live.observe(_recorded(live.sequence + 1, decision))
    cpu_s = time.process_time() - began
    assert len(live.moving) == rounds
    return cpu_s, {"decision_us": cpu_s / rounds * 1e6}


def _recorded(sequence: int, event: Event) -> Recorded:
    return Recorded(sequence=sequence, event_id="e", source="", time=utc_now(), event=event)


def _rss_bytes_max() -> int:
    """Not by `getrusage`: what it says begins with the memory of the process that started this one."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
