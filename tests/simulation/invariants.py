"""What must hold at every event of the log, checked by a fold that shares nothing with `events.job`.

Each check has a name, by which its `Violation` is known.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from events import catalogue as ev
from events import progress
from events.recorded import Unreadable
from tests.simulation.silence import Silence
from tests.simulation.violation import Violation, check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from events.recorded import Recorded
    from services.scheduler.rules import Rules
    from tests.simulation.sandboxes import SimSandbox

TERMINAL: Final = (ev.JobSucceeded, ev.JobFailed, ev.JobCancelled)
_WRITERS: Final = {
    "gateway": (ev.JobRequested, ev.JobCancelRequested),
    "scheduler": (ev.AttemptScheduled, ev.AttemptLost, ev.RetryScheduled, *TERMINAL),
    "executor": (
        ev.AttemptStarted, ev.StageStarted, ev.StageProgressed, ev.StageCompleted, ev.ModelEvaluated,
        ev.LlmCallCompleted, ev.AttemptSucceeded, ev.AttemptFailed,
    ),
}  # fmt: skip


@dataclass
class SeenAttempt:
    """One attempt, as the events tell it."""

    number: int
    state: str = "scheduled"
    executor: str = ""
    retryable: bool = False
    counts: bool = True
    words: list[Any] = field(default_factory=list)


_NOBODY: Final = SeenAttempt(number=0, state="")


@dataclass
class SeenJob:
    """One job, as the events tell it."""

    attempts: list[SeenAttempt] = field(default_factory=list)
    cancel_requested: bool = False
    retry_at: datetime | None = None
    ended: str = ""

    @property
    def tries(self) -> int:
        """Attempts that count: all but the first ten that ended because their executor was stopped."""
        given_up = [seen for seen in self.attempts if not seen.counts]
        return len(self.attempts) - min(len(given_up), 10)

    @property
    def active(self) -> SeenAttempt | None:
        """The attempt that holds a place."""
        if self.ended or not self.attempts or self.attempts[-1].state not in {"scheduled", "running"}:
            return None
        return self.attempts[-1]


class Checker:
    """Looks at each event as it is stored, and at each sandbox as it starts.

    A `Violation` is told to `on_violation` and raised: a shell may well swallow it.
    """

    def __init__(self, rules: Rules, on_violation: Callable[[Violation], None]) -> None:
        self._rules = rules
        self._on_violation = on_violation
        self.jobs: dict[str, SeenJob] = {}
        self.files: dict[str, str] = {}
        self.sandboxes: dict[tuple[str, int], SimSandbox] = {}
        self.silence = Silence(rules.lease_s, rules.handover_s)
        self.counts: dict[str, int] = defaultdict(int)

    @property
    def all_ended(self) -> bool:
        """Every job that was requested has its terminal event."""
        return all(job.ended for job in self.jobs.values())

    def stored(self, record: Recorded, asked_at_s: float) -> None:
        """Check one more event; `asked_at_s` is when its writer sent it off."""
        with self._telling():
            self._look_at(record, asked_at_s)

    def _look_at(self, record: Recorded, asked_at_s: float) -> None:
        event = record.event
        self.counts[type(event).__name__] += 1
        if isinstance(event, Unreadable):
            return
        role, writer = record.source.split("/")
        check("writer", isinstance(event, _WRITERS[role]), f"{record.source} wrote {event}")
        if isinstance(event, ev.JobRequested):
            check("requested once", event.job_id not in self.jobs, f"{event}")
            self.jobs[event.job_id] = SeenJob()
            return
        check("requested first", event.job_id in self.jobs, f"{event}")
        job = self.jobs[event.job_id]
        if job.ended:
            # The condition on a scheduling is not about its job: it may land on one that was cancelled.
            stray = isinstance(event, ev.AttemptScheduled) and job.ended == "JobCancelled"
            check("nothing after the end", stray, f"{event} after {job.ended}")
            return
        if isinstance(event, ev.AttemptLost):
            self.silence.check(
                scheduler=writer, executor=event.executor, left=event.left, asked_at_s=asked_at_s
            )
        self._apply(job, record, writer)
        active = sum(seen.active is not None for seen in self.jobs.values())
        check("places", active <= self._rules.running_max, f"{active} attempts are active")

    def sandbox_starts(self, executor: str, job_id: str, attempt: int) -> None:
        """Check that nobody starts what is not theirs, or starts it twice."""
        what = f"{executor} starts attempt {attempt} of {job_id}"
        job = self.jobs[job_id]
        with self._telling():
            claimed = len(job.attempts) >= attempt and job.attempts[attempt - 1].executor == executor
            check("started as claimed", claimed, what)
            check("one sandbox an attempt", (job_id, attempt) not in self.sandboxes, what)

    def is_over(self, job_id: str, attempt: int) -> bool:
        """Whether the log says that the attempt has ended."""
        job = self.jobs[job_id]
        return bool(job.ended) or job.attempts[attempt - 1].state == "over"

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except Violation as violation:
            self._on_violation(violation)
            raise

    def _apply(self, job: SeenJob, record: Recorded, writer: str) -> None:
        event = record.event
        match event:
            case ev.JobCancelRequested():
                check("cancelled once", not job.cancel_requested, f"{event}")
                job.cancel_requested = True
            case ev.AttemptScheduled():
                self._schedule(job, event, record.time)
            case ev.AttemptStarted():
                self._start(job, event, writer)
            case ev.AttemptLost():
                attempt = self._running(job, event, event.executor)
                attempt.state, attempt.retryable, attempt.counts = "over", True, not event.left
            case ev.RetryScheduled():
                self._retry(job, event, record.time)
            case ev.JobSucceeded() | ev.JobFailed() | ev.JobCancelled():
                self._end(job, event)
            case ev.AttemptSucceeded():
                self._succeed(job, self._running(job, event, writer), event)
            case ev.AttemptFailed():
                attempt = self._running(job, event, writer)
                check("no bug", event.reason != "executor_error", f"{event}")
                attempt.state, attempt.retryable = "over", event.retryable
                attempt.counts = event.reason != "executor_stopped"
            case _:
                self._running(job, event, writer).words.append(event)

    def _schedule(self, job: SeenJob, event: ev.AttemptScheduled, at: datetime) -> None:
        check("one attempt at a time", job.active is None, f"{event}")
        check("attempts are numbered", event.attempt == len(job.attempts) + 1, f"{event}")
        check("three attempts", job.tries <= len(self._rules.retry_delays_s), f"{event}")
        if job.attempts:
            # Both times are by the scheduler's own clock, so that its error does not matter.
            check("not before its time", job.retry_at is not None and at >= job.retry_at, f"{event} at {at}")
        job.retry_at = None
        job.attempts.append(SeenAttempt(event.attempt))

    def _start(self, job: SeenJob, event: ev.AttemptStarted, writer: str) -> None:
        attempt = job.active or _NOBODY
        scheduled = attempt.state == "scheduled" and attempt.number == event.attempt
        check("started once", scheduled, f"{event}")
        check("its own name", event.executor == writer, f"{event} by {writer}")
        attempt.state, attempt.executor = "running", writer

    def _running(self, job: SeenJob, event: Any, executor: str) -> SeenAttempt:
        attempt = job.active or _NOBODY
        running = attempt.state == "running" and attempt.number == event.attempt
        check("fenced", running and attempt.executor == executor, f"{event} by {executor}")
        return attempt

    def _succeed(self, job: SeenJob, attempt: SeenAttempt, event: ev.AttemptSucceeded) -> None:
        check("a cancel is obeyed", not job.cancel_requested, f"{event}")
        kept = {file.name for file in event.artifacts}
        check("a submission is stored", "submission.csv" in kept, f"{event}")
        stored = all(self.files.get(file.key) == file.sha256 for file in event.artifacts)
        check("artifacts are stored first", stored, f"{event}")
        said = self.sandboxes[event.job_id, event.attempt].said
        expected = [_told(word) for word in said if _is_kept(word)]
        found = [_told(word) for word in attempt.words if not isinstance(word, ev.StageProgressed)]
        check("each word once, in order", found == expected, f"said {expected}, stored {found}")
        attempt.state = "succeeded"

    def _retry(self, job: SeenJob, event: ev.RetryScheduled, at: datetime) -> None:
        failed = bool(job.attempts) and job.attempts[-1].state == "over"
        check("retried after a failure", failed and job.attempts[-1].retryable, f"{event}")
        check("retried once", job.retry_at is None, f"{event}")
        check("a cancel is obeyed", not job.cancel_requested, f"{event}")
        check("attempts are numbered", event.attempt == len(job.attempts) + 1, f"{event}")
        check("three attempts", job.tries <= len(self._rules.retry_delays_s), f"{event}")
        delay_s = self._rules.retry_delays_s[job.tries - 1] if job.attempts[-1].counts else 0.0
        check("retry delay", (event.not_before - at).total_seconds() <= delay_s, f"{event} at {at}")
        job.retry_at = event.not_before

    def _end(self, job: SeenJob, event: ev.JobSucceeded | ev.JobFailed | ev.JobCancelled) -> None:
        last = job.attempts[-1] if job.attempts else _NOBODY
        match event:
            case ev.JobSucceeded():
                right = last.state == "succeeded" and last.number == event.attempt
                check("success is an attempt's", right, f"{event}")
            case ev.JobFailed():
                spent = job.tries > len(self._rules.retry_delays_s)
                right = last.state == "over" and (spent or not last.retryable)
                check("failed for good", right and not job.cancel_requested, f"{event}")
            case ev.JobCancelled():
                right = job.cancel_requested and last.state not in {"running", "succeeded"}
                check("cancelled as asked", right, f"{event}")
        job.ended = type(event).__name__


def _is_kept(word: Any) -> bool:
    return not isinstance(word, progress.Succeeded | progress.Failed | progress.StageProgressed)


def _told(word: Any) -> tuple[Any, ...]:
    """A word of an agent, or the event that it became, as what both have in common."""
    what = ("stage", "summary", "model", "score")
    return (type(word).__name__, *(getattr(word, name, None) for name in what))
