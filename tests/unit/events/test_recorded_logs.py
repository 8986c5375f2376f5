"""Logs that earlier versions wrote: each is read whole, and folds to the jobs that it was recorded with.

``tests/data/logs/<name>.ndjson`` holds a log, message by message, and ``<name>.jobs.json`` its jobs by id.  A
change to the format leaves them as they are and adds a log of its own.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from events.job import Job, fold
from events.recorded import Recorded, Unreadable
from events.stored import read

LOGS = sorted((Path(__file__).parents[2] / "data" / "logs").glob("*.ndjson"))


class Line(msgspec.Struct):
    sequence: int
    subject: str
    time: datetime
    headers: dict[str, str]
    payload: str


def records_of(path: Path) -> list[Recorded]:
    lines = [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines()]
    return [
        read(line.subject, line.payload.encode(), line.headers, sequence=line.sequence, stored_at=line.time)
        for line in lines
    ]


def jobs_in(records: list[Recorded]) -> dict[str, Job | None]:
    histories = defaultdict(list)
    for record in records:
        histories[record.event.job_id].append(record)
    return {job_id: fold(history) for job_id, history in histories.items()}


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_an_old_log_folds_to_its_jobs(path: Path) -> None:
    records = records_of(path)
    assert [record.event.reason for record in records if isinstance(record.event, Unreadable)] == []
    stored = path.with_suffix(".jobs.json").read_bytes()
    assert jobs_in(records) == msgspec.json.decode(stored, type=dict[str, Job])


def test_the_first_format_has_all_that_can_happen_to_a_job_of_one_executor() -> None:
    records = records_of(LOGS[0])
    assert {job.status for job in jobs_in(records).values()} == {"success", "cancelled", "failed"}
    assert {"RetryScheduled", "AttemptFailed", "JobCancelRequested"} <= {
        record.event_type for record in records
    }
