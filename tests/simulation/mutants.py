"""Mistakes that one could make in the shells and rules, put in on purpose: the simulator has to find each.

Some of them were made: those whose text begins with "Once".
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from events.catalogue import Artifact, AttemptScheduled, JobFailed, RetryScheduled
from events.job import evolve, fold
from events.log import ConflictError, JobAt, UnavailableError
from services.executor import attempt
from services.executor.attempt import AttemptRun
from services.executor.collection import collect
from services.executor.leftovers import Leftovers
from services.executor.runs import Runs
from services.executor.writer import AttemptWriter
from services.projector import rows
from services.scheduler import loop, rules
from services.scheduler.loop import Scheduler
from services.scheduler.roster import Roster
from services.scheduler.rules import Sightings, decide
from tests.simulation.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def schedules_by_job(patch: pytest.MonkeyPatch) -> None:
    """A scheduling expects its job to be as it was, not the whole log."""

    async def append(self: Scheduler, decision: Any, last: int) -> int:
        job = self._jobs.get(decision.job_id)
        return await self._events.append(decision, expect=JobAt(sequence=job.sequence if job else 0))

    patch.setattr(Scheduler, "_append", append)


def schedules_before_it_sees(patch: pytest.MonkeyPatch) -> None:
    """A scheduler goes on from its own newest scheduling before that has come back to it in the feed."""
    newest: dict[Scheduler, int] = {}
    appends = Scheduler._append

    async def append(self: Scheduler, decision: Any, last: int) -> int:
        expected = max(newest.get(self, 0), last)
        sequence = await appends(self, decision, expected)
        if isinstance(decision, AttemptScheduled):
            newest[self] = sequence
        return sequence

    patch.setattr(Scheduler, "_append", append)
    patch.setattr(Scheduler, "_wait_for", property(lambda self: 0, lambda self, value: None), raising=False)


def schedules_what_is_next(patch: pytest.MonkeyPatch) -> None:
    """A scheduling that was overtaken is appended again, behind the one that overtook it."""
    appends = Scheduler._append

    async def append(self: Scheduler, decision: Any, last: int) -> int:
        while isinstance(decision, AttemptScheduled):
            try:
                return await appends(self, decision, last)
            except ConflictError:
                last += 1
        return await appends(self, decision, last)

    patch.setattr(Scheduler, "_append", append)


def retries_once_more(patch: pytest.MonkeyPatch) -> None:
    """The last attempt's failure leads to one more."""

    def more(*given: Any, **named: Any) -> list[Any]:
        return [
            RetryScheduled(job_id=decision.job_id, attempt=4, not_before=given[3])
            if isinstance(decision, JobFailed) and decision.message.startswith("All")
            else decision
            for decision in decide(*given, **named)
        ]

    patch.setattr(loop, "decide", more)


def retries_what_is_hopeless(patch: pytest.MonkeyPatch) -> None:
    """A failure is retried whether or not it is retryable."""
    after = rules._after_failure
    patch.setattr(
        rules,
        "_after_failure",
        lambda job, failure, *rest: after(job, replace(failure, retryable=True), *rest),
    )


def retries_too_early(patch: pytest.MonkeyPatch) -> None:
    """A retry does not wait."""
    due = rules._is_due
    patch.setattr(rules, "_is_due", lambda job, now: due(replace(job, not_before=None), now))


def counts_what_was_given_up(patch: pytest.MonkeyPatch) -> None:
    """An attempt whose executor was stopped is one of the three that a job has."""
    patch.setattr(rules, "_counts", lambda job, number: True)


def never_counts_what_fails(patch: pytest.MonkeyPatch) -> None:
    """A failure of the job's own doing is taken for its executor's."""
    counts = rules._counts
    patch.setattr(rules, "_counts", lambda job, number: number != 1 and counts(job, number))


def waits_for_no_successor(patch: pytest.MonkeyPatch) -> None:
    """An executor that left its attempts has no more time than one that died."""
    lost = rules._lost
    patch.setattr(
        rules,
        "_lost",
        lambda job, attempt, sightings, given, now: lost(
            job, attempt, sightings, replace(given, handover_s=given.lease_s), now
        ),
    )


def forgets_heartbeats(patch: pytest.MonkeyPatch) -> None:
    """Executors are declared lost however often they are heard."""
    patch.setattr(Roster, "heard", lambda self, executor, beat=None: None)


def believes_its_sleep(patch: pytest.MonkeyPatch) -> None:
    """Once: a scheduler that was paused, or whose clock was set, declared every executor lost."""
    patch.setattr(Roster, "sightings", lambda self: Sightings(since=self._since, last=dict(self._last)))


def claims_without_a_fence(patch: pytest.MonkeyPatch) -> None:
    """A claim goes behind whatever there is."""

    async def claim(self: AttemptWriter, event: Any) -> bool:
        while True:
            try:
                job = fold(await self._events.read_job(self._job_id))
                self._sequence = await self._events.append(
                    event, expect=JobAt(sequence=job.sequence if job else 0)
                )
            except (ConflictError, UnavailableError):
                continue
            return True

    patch.setattr(AttemptWriter, "claim", claim)


def writes_on(patch: pytest.MonkeyPatch) -> None:
    """A writer that was overtaken takes the new sequence and writes on, whatever has happened."""
    patch.setattr(AttemptWriter, "_runs_here", lambda self, job: True)


def takes_over_with_a_lost_answer(patch: pytest.MonkeyPatch) -> None:
    """Once: where an event was stored and its answer lost, what came after it went unseen."""
    looks, runs_here = AttemptWriter._look_for, AttemptWriter._runs_here
    found: dict[AttemptWriter, bool] = {}

    async def look_for(self: AttemptWriter, event: Any, **named: Any) -> Any:
        job, found[self] = await looks(self, event, **named)
        return job, found[self]

    patch.setattr(AttemptWriter, "_look_for", look_for)
    patch.setattr(AttemptWriter, "_runs_here", lambda self, job: found[self] or runs_here(self, job))


def repeats_after_a_lost_answer(patch: pytest.MonkeyPatch) -> None:
    """What was not answered is written again without a look."""

    async def look_for(self: AttemptWriter, event: Any, **named: Any) -> Any:
        job, _ = await self._read(0)
        self._sequence = job.sequence
        return job, False

    patch.setattr(AttemptWriter, "_look_for", look_for)


def ignores_cancels(patch: pytest.MonkeyPatch) -> None:
    """An executor runs a cancelled attempt to its end."""
    stops, appends = AttemptRun.stop, AttemptWriter.append

    def stop(self: AttemptRun, cause: Any) -> None:
        if cause != "cancelled":
            stops(self, cause)

    async def append(self: AttemptWriter, event: Any, *, unless_cancelled: bool = False) -> bool:
        return await appends(self, event)

    patch.setattr(AttemptRun, "stop", stop)
    patch.setattr(AttemptWriter, "append", append)


def lets_lost_attempts_run(patch: pytest.MonkeyPatch) -> None:
    """An executor does not look at what others write about its attempts."""
    patch.setattr(Runs, "tell", lambda self, job: None)


def succeeds_before_it_stores(patch: pytest.MonkeyPatch) -> None:
    """Success is told first, and the artifacts are stored after that."""

    async def soon(sandbox: Any, store: Any, names: Any, **named: Any) -> Any:
        found = []
        for name in names:
            data = await sandbox.read(name, bytes_max=1)
            key = f"{sandbox.job_id}/{sandbox.attempt}/{name}"
            digest = hashlib.sha256(data).hexdigest()
            found.append(Artifact(name=name, key=key, bytes=len(data), sha256=digest))
        loop = asyncio.get_running_loop()
        loop.call_later(0.1, lambda: asyncio.ensure_future(collect(sandbox, store, names)))
        return tuple(found)

    patch.setattr(attempt, "collect", soon)


def leaves_orphans(patch: pytest.MonkeyPatch) -> None:
    """Once: what began too late for the look back at the start was run by nobody and reported by nobody."""
    orphans = Leftovers._orphans
    patch.setattr(Leftovers, "_orphans", lambda self, jobs: () if self._swept else orphans(self, jobs))


def adopts_by_an_old_reading(patch: pytest.MonkeyPatch) -> None:
    """Once: an adopted attempt's messages were compared with a reading older than its writer's sequence."""
    patch.setattr(Leftovers, "_records", lambda self, job: self._events.read_job(job.job_id))


def counts_twice(patch: pytest.MonkeyPatch) -> None:
    """The projection applies an event again that it has applied."""

    def again(job: Any, record: Any) -> Any:
        return evolve(replace(job, sequence=0) if job else None, record)

    patch.setattr(rows, "evolve", again)


MUTANTS: Final[dict[Callable[[pytest.MonkeyPatch], None], set[str]]] = {
    schedules_by_job: {"places"},
    schedules_before_it_sees: {"places", "one attempt at a time", "attempts are numbered"},
    schedules_what_is_next: {"places", "one attempt at a time", "attempts are numbered"},
    retries_once_more: {"three attempts"},
    retries_what_is_hopeless: {"retried after a failure"},
    retries_too_early: {"not before its time"},
    counts_what_was_given_up: {"failed for good", "retry delay"},
    never_counts_what_fails: {"three attempts"},
    waits_for_no_successor: {"lost only when silent"},
    forgets_heartbeats: {"lost only when silent"},
    believes_its_sleep: {"lost only when silent"},
    claims_without_a_fence: {"started once", "fenced", "nothing after the end"},
    writes_on: {"fenced", "nothing after the end"},
    takes_over_with_a_lost_answer: {"fenced", "nothing after the end"},
    repeats_after_a_lost_answer: {"each word once, in order"},
    ignores_cancels: {"a cancel is obeyed"},
    lets_lost_attempts_run: {"what is over is stopped"},
    succeeds_before_it_stores: {"artifacts are stored first"},
    leaves_orphans: {"no job is lost"},
    adopts_by_an_old_reading: {"each word once, in order"},
    counts_twice: {"the rows are a fold", "twice is once"},
}
"""Each mistake, and the invariants that may be the first to tell of it."""

_BUSY: Final = Shape(jobs=30, running_max=6, slots=3, chaos_s=60)

AIMED: Final[dict[Callable[[pytest.MonkeyPatch], None], Shape]] = {
    schedules_before_it_sees: replace(_BUSY, fault_every_s=1.0, faults=frozenset({"lag"})),
    lets_lost_attempts_run: replace(_BUSY, fault_every_s=1.0, faults=frozenset({"deaf"})),
    believes_its_sleep: replace(_BUSY, fault_every_s=1.0, faults=frozenset({"pause", "clock"})),
    waits_for_no_successor: replace(_BUSY, fault_every_s=1.0, faults=frozenset({"drain", "deaf"})),
    leaves_orphans: replace(
        _BUSY, jobs=12, chaos_s=20, fault_every_s=0.7, faults=frozenset({"crash", "lag"})
    ),
    adopts_by_an_old_reading: replace(_BUSY, fault_every_s=0.5, faults=frozenset({"crash", "stale"})),
}
"""What is rarely seen among all faults: a kind of world with many jobs and few kinds of fault for each."""
