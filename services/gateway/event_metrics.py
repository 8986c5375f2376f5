"""What the events of all jobs say to Prometheus: how long attempts take, what fails, what it costs.

Only the log's own times are used, so that every gateway counts the same.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec
from prometheus_client import Counter, Histogram

from events import catalogue as ev
from events.progress import Stage

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from events.recorded import Recorded

_ATTEMPT_S: Final = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
_STAGE_S: Final = (0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600)
_FOLLOWED_MAX: Final = 10_000
"""So many jobs at once are remembered as running; they are far fewer."""

_Counted: TypeAlias = ev.JobRequested | ev.RetryScheduled | ev.LlmCallCompleted


class _Running(msgspec.Struct, kw_only=True):
    """An attempt under way: when it began, and each of its stages that has not ended."""

    attempt: int
    began: datetime
    stages: dict[Stage, datetime]


class EventMetrics:
    """Series of a registry that events move; an attempt that began before this process has no duration."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._running: OrderedDict[str, _Running] = OrderedDict()
        self._requested = Counter("podium_jobs_requested", "Jobs asked for.", registry=registry)
        self._ended = Counter("podium_jobs_ended", "Jobs that ended.", ["status"], registry=registry)
        self._retries = Counter("podium_retries", "Attempts scheduled to follow another.", registry=registry)
        self._started = Counter(
            "podium_attempts_started",
            "Attempts started, each in a container.",
            ["runtime"],
            registry=registry,
        )
        self._lost = Counter(
            "podium_attempts_lost", "Attempts whose executor fell silent.", registry=registry
        )
        self._dollars = Counter(
            "podium_llm_dollars", "What calls to language models cost.", registry=registry
        )
        self._attempt_s = Histogram(
            "podium_attempt_duration_seconds",
            "From an attempt's start to its end.",
            ["outcome"],
            buckets=_ATTEMPT_S,
            registry=registry,
        )
        self._stage_s = Histogram(
            "podium_stage_duration_seconds",
            "From a stage's start to its good end.",
            ["stage"],
            buckets=_STAGE_S,
            registry=registry,
        )

    def observe(self, record: Recorded) -> None:
        """Count an event; each is told once, in the order of the log."""
        match record.event:
            case ev.JobRequested() | ev.RetryScheduled() | ev.LlmCallCompleted() as event:
                self._count(event)
            case ev.AttemptStarted() as event:
                self._begin(event, record.time)
            case ev.StageStarted() | ev.StageCompleted() as event:
                self._stage(event, record.time)
            case ev.AttemptSucceeded() as event:
                self._end(event.job_id, event.attempt, "succeeded", record.time)
            case ev.AttemptFailed() as event:
                self._end(event.job_id, event.attempt, "failed", record.time)
            case ev.AttemptLost() as event:
                self._lost.inc()
                self._end(event.job_id, event.attempt, "lost", record.time)
            case ev.JobSucceeded() as event:
                self._over(event.job_id, "success")
            case ev.JobFailed() as event:
                self._over(event.job_id, "failed")
            case ev.JobCancelled() as event:
                self._over(event.job_id, "cancelled")
            case _:
                pass  # The rest moves no series.

    def _count(self, event: _Counted) -> None:
        match event:
            case ev.JobRequested():
                self._requested.inc()
            case ev.RetryScheduled():
                self._retries.inc()
            case ev.LlmCallCompleted():
                self._dollars.inc(max(0.0, event.dollars))

    def _begin(self, event: ev.AttemptStarted, at: datetime) -> None:
        self._started.labels(event.runtime).inc()
        self._running[event.job_id] = _Running(attempt=event.attempt, began=at, stages={})
        self._running.move_to_end(event.job_id)
        if len(self._running) > _FOLLOWED_MAX:
            self._running.popitem(last=False)

    def _stage(self, event: ev.StageStarted | ev.StageCompleted, at: datetime) -> None:
        running = self._running.get(event.job_id)
        if running is None or running.attempt != event.attempt:
            return
        if isinstance(event, ev.StageStarted):
            running.stages.setdefault(event.stage, at)
        elif (began := running.stages.pop(event.stage, None)) is not None:
            self._stage_s.labels(event.stage).observe((at - began).total_seconds())

    def _end(self, job_id: str, attempt: int, outcome: str, at: datetime) -> None:
        running = self._running.get(job_id)
        if running is not None and running.attempt == attempt:
            del self._running[job_id]
            self._attempt_s.labels(outcome).observe((at - running.began).total_seconds())

    def _over(self, job_id: str, status: str) -> None:
        self._ended.labels(status).inc()
        self._running.pop(job_id, None)
