"""The scheduler's shell: follow the log, let the rules decide, append what they decided.

Any number of schedulers may run.  Each `AttemptScheduled` expects the log to end with what the rules have
seen and what was decided with it, so that no two schedulers can give the same place away; every other
decision expects its job to be as it was when the rules saw it.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import structlog

from events.catalogue import AttemptScheduled
from events.live import LiveJobs
from events.log import ConflictError, JobAt, LogAt, UnavailableError
from services.scheduler.rules import decide

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from events.log import Log
    from services.scheduler.roster import Roster
    from services.scheduler.rules import Decision, Rules

_log = structlog.get_logger(__name__)


def _no_more(_jobs: LiveJobs, _caught_up: bool) -> None:
    """The default of `Scheduler`'s `seen`."""


class Scheduler:
    """One scheduler; `clock` gives the time in UTC, `chance` numbers in 0..1.

    It goes on from `jobs`, and hands them to `seen` with each batch that they have taken in and whether there
    was nothing behind it.
    """

    def __init__(
        self,
        log: Log,
        rules: Rules,
        roster: Roster,
        *,
        clock: Callable[[], datetime],
        chance: Callable[[], float] = random.random,
        jobs: LiveJobs | None = None,
        seen: Callable[[LiveJobs, bool], None] = _no_more,
    ) -> None:
        self._events = log
        self._rules = rules
        self._roster = roster
        self._clock = clock
        self._chance = chance
        self._jobs = jobs or LiveJobs()
        self._seen = seen
        self._wait_for = 0

    async def run(self) -> None:
        """Decide for ever; returns only by cancellation."""
        async for batch in self._events.follow(after=self._jobs.sequence):
            for record in batch.records:
                self._jobs.observe(record)
            self._seen(self._jobs, batch.caught_up)
            if batch.caught_up and self._jobs.sequence >= self._wait_for:
                await self._decide_and_append()

    async def _decide_and_append(self) -> None:
        last = self._jobs.sequence
        decisions = decide(
            self._jobs, self._roster.sightings(), self._rules, self._clock(), chance=self._chance
        )
        for decision in decisions:
            try:
                sequence = await self._append(decision, last)
            except ConflictError:
                # Somebody wrote what we have not read yet: it is on its way, and then we decide anew.
                _log.info("decision_overtaken", **_told(decision))
                self._wait_for = max(self._wait_for, self._jobs.sequence + 1)
                return
            except UnavailableError as error:
                _log.warning("log_unavailable", error=str(error))
                return
            # Our own events count once they come back in order with everybody else's.
            self._wait_for = max(self._wait_for, sequence)
            if sequence == last + 1:
                last = sequence
            _log.info("decided", **_told(decision), sequence=sequence)

    async def _append(self, decision: Decision, last: int) -> int:
        if isinstance(decision, AttemptScheduled):
            return await self._events.append(decision, expect=LogAt(sequence=last))
        job = self._jobs.get(decision.job_id)
        if job is None:
            raise ConflictError(f"job {decision.job_id} has ended")
        return await self._events.append(decision, expect=JobAt(sequence=job.sequence))


def _told(decision: Decision) -> dict[str, str | int]:
    """A decision as a line of the log names it."""
    told: dict[str, str | int] = {"job_id": decision.job_id, "decision": type(decision).__name__}
    number = getattr(decision, "attempt", None)
    return told if number is None else {**told, "attempt": number}
