"""A job's spans, from its events: what is told of when, with which parents, and under which ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from events import catalogue as ev
from events.live import LiveJobs
from services.spans import (
    Span,
    parent_of,
    projected,
    sandboxed,
    span_id,
    spans_of,
    trace_id,
    traceparent,
)
from tests.unit.events.strategies import JOB_ID, START, events, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.catalogue import Event

REQUESTED = ev.JobRequested(job_id=JOB_ID, competition="c", source="local", kaggle_url="local:c")
CALL = ev.LlmCallCompleted(
    job_id=JOB_ID,
    attempt=2,
    model="m",
    purpose="plan",
    input_tokens=1,
    output_tokens=2,
    cache_read_tokens=0,
    cache_write_tokens=0,
    dollars=0.5,
    duration_ms=500,
)


def start(attempt: int) -> list[Event]:
    return [
        ev.AttemptScheduled(job_id=JOB_ID, attempt=attempt),
        ev.AttemptStarted(
            job_id=JOB_ID, attempt=attempt, executor="x", runtime="docker", cpus=1, memory_bytes=1
        ),
    ]


LOST_THEN_DONE = [
    REQUESTED,
    *start(1),
    ev.StageStarted(job_id=JOB_ID, attempt=1, stage="analysis"),
    ev.AttemptLost(job_id=JOB_ID, attempt=1, executor="x", silent_s=16),
    ev.RetryScheduled(job_id=JOB_ID, attempt=2, not_before=START),
    *start(2),
    ev.StageStarted(job_id=JOB_ID, attempt=2, stage="planning"),
    CALL,
    ev.StageCompleted(job_id=JOB_ID, attempt=2, stage="planning", summary="s"),
    # Late words of the attempt that was lost: they tell of nothing.
    ev.StageCompleted(job_id=JOB_ID, attempt=1, stage="analysis", summary="s"),
    ev.AttemptSucceeded(
        job_id=JOB_ID,
        attempt=2,
        task="t",
        metric="m",
        maximize=True,
        score=1,
        fold_scores=(),
        artifacts=(),
    ),
    ev.JobSucceeded(job_id=JOB_ID, attempt=2),
]


def spans_in(history: Sequence[Event]) -> list[Span]:
    jobs, found = LiveJobs(), []
    for record in told(history):
        before = jobs.get(record.event.job_id)
        after = jobs.observe(record)
        if before is not None and after is not None:
            found += spans_of(before, after, record)
    return found


def second(at: datetime) -> float:
    return (at - told([REQUESTED])[0].time).total_seconds()


def test_a_job_that_was_tried_again_is_told_of_once_and_whole() -> None:
    found = spans_in(LOST_THEN_DONE)
    assert [(span.key, span.parent, second(span.began), second(span.ended)) for span in found] == [
        ("wait/1", "job", 0, 1),
        ("attempt/1/start", "attempt/1", 2, 3),
        ("attempt/1/analysis", "attempt/1", 3, 4),
        ("attempt/1", "job", 2, 4),
        ("wait/2", "job", 4, 6),
        ("attempt/2/start", "attempt/2", 7, 8),
        ("attempt/2/llm/1", "attempt/2/planning", 8.5, 9),
        ("attempt/2/planning", "attempt/2", 8, 10),
        ("attempt/2", "job", 7, 12),
        ("job", None, 0, 13),
    ]
    assert [span.key for span in found if span.error] == ["attempt/1/analysis", "attempt/1"]
    assert [span.key for span in found if span.teller == "agent"] == [
        "attempt/1/start",
        "attempt/1/analysis",
        "attempt/2/start",
        "attempt/2/llm/1",
        "attempt/2/planning",
    ]


def test_the_trace_has_the_jobs_id_and_an_event_names_the_span_that_it_is_of() -> None:
    assert trace_id(JOB_ID) == UUID(JOB_ID).int
    of_attempt = span_id(JOB_ID, "attempt/1")
    assert of_attempt != span_id(JOB_ID, "attempt/2")
    header = traceparent(LOST_THEN_DONE[2])
    assert header == f"00-{JOB_ID.replace('-', '')}-{of_attempt:016x}-01"
    parents = [parent_of(event) for event in LOST_THEN_DONE]
    assert parents == ["job"] * 2 + ["attempt/1"] * 3 + ["job"] * 2 + [
        "attempt/2",
        "attempt/2",
        "attempt/2",
        "attempt/2",
        "attempt/1",
        "attempt/2",
        "job",
    ]
    assert traceparent(ev.JobCancelRequested(job_id="no id")) is None


def test_of_what_is_projected_only_the_milestones_are_told() -> None:
    now = datetime.now(UTC)
    found = [
        projected(record, began=now, ended=now + timedelta(seconds=1)) for record in told(LOST_THEN_DONE)
    ]
    assert [span.name.removeprefix("project ") for span in found if span] == [
        "JobRequested",
        "AttemptStarted",
        "AttemptLost",
        "AttemptStarted",
        "AttemptSucceeded",
        "JobSucceeded",
    ]


@given(st.lists(events().filter(lambda event: not isinstance(event, ev.JobRequested)), max_size=30))
def test_any_history_gives_spans_of_its_own_with_parents_of_the_same_job(history) -> None:
    found = spans_in([REQUESTED, *history])
    keys = [span.key for span in found]
    assert len(keys) == len(set(keys))
    for span in found:
        assert span.parent is None or span.parent.split("/")[0] in {"job", "attempt"}
        assert traceparent(REQUESTED)[3:35] == f"{trace_id(span.job_id):032x}"


def test_a_container_is_a_part_of_its_attempt() -> None:
    ended = START + timedelta(seconds=9)
    span = sandboxed(JOB_ID, 2, runtime="docker", exit_code=137, began=START, ended=ended)
    assert (span.name, span.parent, span.began, span.ended) == ("container", "attempt/2", START, ended)
    assert span.attributes["process.exit.code"] == 137
    unseen = sandboxed(JOB_ID, 2, runtime="process", exit_code=None, began=START, ended=ended)
    assert (unseen.name, "process.exit.code" in unseen.attributes) == ("process", False)
