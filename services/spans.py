"""What happened to a job as the spans of one trace, from its events alone.  Pure.

The trace has the job's id; the id of a span is made from the job's and from what the span is of.  So every
process knows them without being told, also after a crash, and whoever writes the event that ends something
can tell of the whole of it:

    job                        scheduler, with the event that ends the job
    ├── submit                 gateway
    ├── wait N                 scheduler: until attempt N got a place, retry's pause included
    ├── attempt N              executor; scheduler, where it is lost
    │   ├── container          executor: from its make to its end; `process` where there is no Docker
    │   ├── start <runtime>    agent: until the first stage
    │   ├── <stage>            agent
    │   │   └── llm <purpose>  agent
    │   └── project <event>    projector
    └── project <event>        projector

Source: W3C Trace Context, https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from events import catalogue as ev

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.catalogue import Event
    from events.job import Attempt, Job, StageState
    from events.recorded import Recorded

Teller: TypeAlias = Literal["self", "agent"]
"""Whose span it is: the process that tells it, or the agent that it speaks for."""

JOB: Final = "job"

_PROJECTED: Final = (
    ev.JobRequested,
    ev.AttemptStarted,
    ev.AttemptSucceeded,
    ev.AttemptFailed,
    ev.AttemptLost,
    ev.JobSucceeded,
    ev.JobFailed,
    ev.JobCancelled,
)
"""What a projector tells of: not each step of a stage."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that took time: `key` is unique within the job, `parent` another's, None for the root's.

    `error` says what went wrong, "" where nothing did.
    """

    job_id: str
    key: str
    parent: str | None
    name: str
    began: datetime
    ended: datetime
    attributes: dict[str, str | int | float] = {}
    error: str = ""
    teller: Teller = "self"


def trace_id(job_id: str) -> int | None:
    """The id of the job's trace: the job's own; None for what is no job's id."""
    try:
        return UUID(job_id).int or None
    except ValueError:
        return None


def span_id(job_id: str, key: str) -> int:
    """The id of a span of that job."""
    return int.from_bytes(hashlib.sha256(f"{job_id}/{key}".encode()).digest()[:8]) or 1


def parent_of(event: Event) -> str:
    """The key of the span that an event belongs to: its attempt's, or its job's."""
    number = getattr(event, "attempt", None)
    scheduled = isinstance(event, ev.AttemptScheduled | ev.RetryScheduled | ev.JobSucceeded)
    return JOB if number is None or scheduled else _attempt_key(number)


def traceparent(event: Event) -> str | None:
    """The header by which other systems go on with the job's trace."""
    trace = trace_id(event.job_id)
    return None if trace is None else f"00-{trace:032x}-{span_id(event.job_id, parent_of(event)):016x}-01"


def submitted(event: ev.JobRequested, *, began: datetime, ended: datetime) -> Span:
    """The request of a job, until it was stored."""
    return Span(
        job_id=event.job_id,
        key="submit",
        parent=JOB,
        name="submit",
        began=began,
        ended=ended,
        attributes={"podium.competition": event.competition},
    )


def projected(record: Recorded, *, began: datetime, ended: datetime) -> Span | None:
    """An event on its way into the table; None for one that is not told of."""
    event = record.event
    if not isinstance(event, _PROJECTED):
        return None
    lag_s = (ended - record.time).total_seconds()
    return Span(
        job_id=event.job_id,
        key=f"project/{record.sequence}",
        parent=parent_of(event),
        name=f"project {record.event_type}",
        began=began,
        ended=ended,
        attributes={"podium.sequence": record.sequence, "podium.lag_s": round(lag_s, 6)},
    )


def sandboxed(
    job_id: str, attempt: int, *, runtime: str, exit_code: int | None, began: datetime, ended: datetime
) -> Span:
    """What an attempt ran in, as its executor saw it; `exit_code` None where it was not there to see."""
    key = _attempt_key(attempt)
    return Span(
        job_id=job_id,
        key=f"{key}/sandbox",
        parent=key,
        name="container" if runtime == "docker" else runtime,
        began=began,
        ended=ended,
        attributes={
            "podium.attempt": attempt,
            "podium.runtime": runtime,
            **({} if exit_code is None else {"process.exit.code": exit_code}),
        },
    )


def spans_of(before: Job, after: Job, record: Recorded) -> Iterator[Span]:
    """What ended with an event that took the job from `before` to `after`."""
    if after.has_ended and not before.has_ended:
        yield _job(after, record)
    now, then = after.current, before.current
    if now is None:
        return
    if then is None or then.number != now.number:
        yield _wait(after, now, began=then.ended_at if then and then.ended_at else after.created_at)
    elif then.status == "running":
        yield from _within(after, then, now, record)


def _within(job: Job, then: Attempt, now: Attempt, record: Recorded) -> Iterator[Span]:
    """What ended in an attempt, and at last the attempt itself."""
    done = {stage.stage for stage in then.stages if stage.completed_at}
    if now.stages and not then.stages:
        yield _start(job, now, record)
    for stage in now.stages:
        if stage.stage not in done and (stage.completed_at or now.status != "running"):
            yield _stage(job, now, stage, record)
    if isinstance(record.event, ev.LlmCallCompleted) and now.llm_calls > then.llm_calls:
        yield _call(job, now, record.event, record)
    if now.status != "running":
        yield _attempt(job, now, record)


def _job(job: Job, record: Recorded) -> Span:
    return Span(
        job_id=job.job_id,
        key=JOB,
        parent=None,
        name="job",
        began=job.created_at,
        ended=record.time,
        attributes={
            "podium.competition": job.competition,
            "podium.status": job.status,
            "podium.attempts": len(job.attempts),
            "podium.dollars": sum(attempt.dollars for attempt in job.attempts),
        },
        error=job.failure.message if job.status == "failed" and job.failure else "",
    )


def _wait(job: Job, attempt: Attempt, *, began: datetime) -> Span:
    return Span(
        job_id=job.job_id,
        key=f"wait/{attempt.number}",
        parent=JOB,
        name=f"wait {attempt.number}",
        began=began,
        ended=attempt.scheduled_at,
        attributes={"podium.attempt": attempt.number, "podium.priority": job.priority},
    )


def _attempt(job: Job, attempt: Attempt, record: Recorded) -> Span:
    failure = attempt.failure
    return Span(
        job_id=job.job_id,
        key=_attempt_key(attempt.number),
        parent=JOB,
        name=f"attempt {attempt.number}",
        began=attempt.started_at or attempt.scheduled_at,
        ended=record.time,
        attributes={
            "podium.attempt": attempt.number,
            "podium.executor": attempt.executor or "",
            "podium.runtime": attempt.runtime or "",
            "podium.status": attempt.status,
            "podium.reason": failure.reason if failure else "",
            "podium.dollars": attempt.dollars,
        },
        error=failure.message if failure else "",
    )


def _start(job: Job, attempt: Attempt, record: Recorded) -> Span:
    return Span(
        job_id=job.job_id,
        key=f"{_attempt_key(attempt.number)}/start",
        parent=_attempt_key(attempt.number),
        name=f"start {attempt.runtime}",
        began=attempt.started_at or attempt.scheduled_at,
        ended=record.time,
        attributes={"podium.attempt": attempt.number},
        teller="agent",
    )


def _stage(job: Job, attempt: Attempt, stage: StageState, record: Recorded) -> Span:
    return Span(
        job_id=job.job_id,
        key=_stage_key(attempt, stage),
        parent=_attempt_key(attempt.number),
        name=stage.stage,
        began=stage.started_at,
        ended=stage.completed_at or record.time,
        attributes={"podium.attempt": attempt.number, "podium.message": stage.message},
        error="" if stage.completed_at else "The attempt ended before the stage did.",
        teller="agent",
    )


def _call(job: Job, attempt: Attempt, call: ev.LlmCallCompleted, record: Recorded) -> Span:
    stage = next((one for one in attempt.stages if one.completed_at is None), None)
    return Span(
        job_id=job.job_id,
        key=f"{_attempt_key(attempt.number)}/llm/{attempt.llm_calls}",
        parent=_stage_key(attempt, stage) if stage else _attempt_key(attempt.number),
        name=f"llm {call.purpose}",
        began=record.time - timedelta(milliseconds=max(0, call.duration_ms)),
        ended=record.time,
        attributes={
            "gen_ai.request.model": call.model,
            "gen_ai.usage.input_tokens": call.input_tokens,
            "gen_ai.usage.output_tokens": call.output_tokens,
            "podium.dollars": call.dollars,
        },
        teller="agent",
    )


def _attempt_key(number: int) -> str:
    return f"attempt/{number}"


def _stage_key(attempt: Attempt, stage: StageState) -> str:
    return f"{_attempt_key(attempt.number)}/{stage.stage}"
