"""Old code beside new: a log with what a later version would write, read by everything that reads the log.

A recorded log is told twice: as it was, and as a later version might have written it, each payload with more
fields than are known here, and between its events others of types, versions and values that are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest

from cli.lines import event_line
from events.job import Job, fold
from events.live import LiveJobs
from events.progress import Failed, decode_line, encode_line
from events.recorded import Recorded, Unreadable
from events.stored import read
from podium.frames import recorded as told
from podium.sse import Parser
from services.gateway.event_metrics import EventMetrics
from services.gateway.sse import frame
from services.projector.rows import keys_of, project, row_of, unfoldable
from services.scheduler.rules import Rules, Sightings, decide
from services.spans import spans_of
from services.webhooks import payload
from tests.unit.events.test_recorded_logs import LOGS, Line

if TYPE_CHECKING:
    from pathlib import Path

APART = 10
"""The sequences of the newer log, for each one of the older."""
NOBODY_KNOWS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("AttemptPaused", {"attempt": 1, "until": "2027-01-01T00:00:00Z"}),
    ("StageProgressed", {"version": 2, "attempt": 1, "share": [1, 3]}),
    ("StageStarted", {"version": 1, "attempt": 1, "stage": "deployment"}),
)


def message(line: Line, kind: str, fields: dict[str, Any], sequence: int) -> Recorded:
    subject = f"jobs.{line.subject.split('.')[1]}.{kind}"
    data = msgspec.json.encode(fields)
    return read(subject, data, line.headers, sequence=sequence, stored_at=line.time)


def older_and_newer(path: Path) -> tuple[list[Recorded], list[Recorded]]:
    """The log as it was, its sequences wider apart, and as a later version might have written it."""
    older, newer = [], []
    for number, text in enumerate(path.read_bytes().splitlines(), 1):
        line = msgspec.json.decode(text, type=Line)
        fields, kind = msgspec.json.decode(line.payload), line.subject.split(".")[2]
        more = {"mood": "sunny", "placed": {"zone": [1, 2], "by": None}, **fields}
        older.append(message(line, kind, fields, number * APART))
        newer.append(message(line, kind, more, number * APART))
        for place, (unknown, shape) in enumerate(NOBODY_KNOWS, 1):
            strange = {"type": unknown, "job_id": fields["job_id"], **shape}
            newer.append(message(line, unknown, strange, number * APART + place))
    return older, newer


OLDER, NEWER = older_and_newer(LOGS[0])
STRANGE = [record for record in NEWER if isinstance(record.event, Unreadable)]


def same(job: Job | None) -> Job | None:
    """The job but for where the log stood when it was last heard of."""
    return job and replace(job, sequence=0)


def by_job(records: list[Recorded]) -> dict[str, list[Recorded]]:
    found: dict[str, list[Recorded]] = {}
    for record in records:
        found.setdefault(record.event.job_id, []).append(record)
    return found


def test_what_nobody_knows_has_its_place_and_its_reason() -> None:
    assert len(STRANGE) == len(OLDER) * len(NOBODY_KNOWS)
    assert {record.event_type for record in STRANGE} == {kind for kind, _ in NOBODY_KNOWS}
    assert all(isinstance(record.event, Unreadable) and record.event.reason for record in STRANGE)
    assert [record for record in NEWER if record not in STRANGE] == OLDER


def test_jobs_are_what_they_would_be_without_it() -> None:
    newer = by_job(NEWER)
    for job_id, records in by_job(OLDER).items():
        job = fold(newer[job_id])
        assert same(job) == same(fold(records))
        assert job is not None
        assert job.sequence == newer[job_id][-1].sequence, "an append has to expect what nobody can read, too"


def test_a_scheduler_decides_the_same_after_every_event() -> None:
    plain, strange, decided = LiveJobs(), LiveJobs(), 0
    events = iter(NEWER)
    for record in OLDER:
        plain.observe(record)
        for other in (next(events) for _ in range(1 + len(NOBODY_KNOWS))):
            strange.observe(other)
        silent = Sightings(since=OLDER[0].time, last={})
        decisions, others = (
            decide(jobs, silent, Rules(), record.time, chance=lambda: 0.5) for jobs in (plain, strange)
        )
        assert others == decisions
        decided += len(decisions)
    assert decided > 0
    assert strange.sequence == plain.sequence + len(NOBODY_KNOWS)


def test_rows_are_the_same_and_what_is_in_none_is_set_aside() -> None:
    keys = keys_of(NEWER)
    plain, strange = (project({}, records, keys) for records in (OLDER, NEWER))
    assert strange.keys() == plain.keys() == {UUID(job_id) for job_id in keys}
    for key, job in strange.items():
        assert row_of(key, replace(job, sequence=0)) == row_of(key, replace(plain[key], sequence=0))
    assert [sequence for sequence, _ in unfoldable(NEWER, keys)] == [record.sequence for record in STRANGE]


def test_a_gateway_counts_and_streams_it() -> None:
    registries = []
    for records in (OLDER, NEWER):
        registries.append(CollectorRegistry())
        metrics = EventMetrics(registries[-1])
        for record in records:
            metrics.observe(record)
    plain, strange = (generate_latest(registry).decode().splitlines() for registry in registries)
    assert [one for one in strange if "_created" not in one] == [
        one for one in plain if "_created" not in one
    ]
    heard = [told(one) for record in NEWER for one in Parser().feed(frame(record))]
    assert [one and (one.sequence, one.event_type) for one in heard] == [
        (record.sequence, record.event_type) for record in NEWER
    ]
    assert "cannot be read" in event_line(STRANGE[0], created_at=STRANGE[0].time)


def test_webhooks_and_traces_tell_the_same() -> None:
    plain, strange = by_job(OLDER), by_job(NEWER)
    for job_id, records in plain.items():
        last = records[-1]
        bodies = [
            payload.of_end(job, last)
            for history in (records, strange[job_id])
            if (job := fold(one for one in history if one.sequence <= last.sequence))
        ]
        assert len(bodies) == 2
        assert bodies[0] == bodies[1]
    for record in STRANGE:
        before = fold(one for one in strange[record.event.job_id] if one.sequence < record.sequence)
        after = fold(one for one in strange[record.event.job_id] if one.sequence <= record.sequence)
        assert before is not None
        assert after is not None
        assert list(spans_of(before, after, record)) == []


def test_an_agent_of_another_version_is_heard_as_far_as_it_goes() -> None:
    last = Failed(reason="r", message="m", retryable=True)
    spoken = msgspec.json.decode(encode_line(last, nonce="n", number=7))
    spoken["message"]["severity"] = 3
    spoken["clock"] = 12.5
    heard = decode_line(msgspec.json.encode(spoken), nonce="n")
    assert heard is not None
    assert (heard.number, heard.message) == (7, last)
    spoken["message"]["type"] = "gave_up_politely"
    assert decode_line(msgspec.json.encode(spoken), nonce="n") is None
