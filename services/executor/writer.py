"""Writes the events of one attempt: each exactly once, and none after the attempt is somebody else's.

Every append expects the job to be as this writer last saw it.  Where it is not, or where an answer was
lost, the job is read again: what it holds decides whether the event is there already, may be tried again,
or no longer counts.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from events.job import fold
from events.log import ConflictError, JobAt, UnavailableError
from services.executor.adoption import SAID, last_heard, runs_here

if TYPE_CHECKING:
    from events.catalogue import AttemptStarted, Event
    from events.job import Job
    from events.log import Log
    from events.recorded import Recorded

_PAUSE_S: Final = 0.2
_PAUSE_MAX_S: Final = 2.0

_log = structlog.get_logger(__name__)


class FencedError(Exception):
    """The attempt is over in the log, or never was ours: nothing was written, nothing may be."""


class AttemptWriter:
    """The pen of one attempt; used by one task at a time.

    `cancel_requested` turns True once a read of the job has shown that.  There is one live process of an
    executor's id, so an equal event past what was known can only be our own; a message of the agent is known
    by its number, also where an earlier process stored it.
    """

    def __init__(self, log: Log, *, job: Job, attempt: int, executor: str) -> None:
        self._events = log
        self._job_id = job.job_id
        self._attempt = attempt
        self._executor = executor
        self._sequence = job.sequence
        self._is_ours = True
        self._heard = 0
        self.cancel_requested = job.cancel_requested

    async def claim(self, event: AttemptStarted) -> bool:
        """Begin the attempt; False where somebody else wrote to the job first, or ended it since.

        An unavailable log is asked until it answers.
        """
        try:
            self._sequence = await self._events.append(event, expect=JobAt(sequence=self._sequence))
        except ConflictError:
            self._is_ours = False
        except UnavailableError:
            job, stored = await self._look_for(event, at_least=self._sequence)
            self._is_ours = stored and self._runs_here(job)
        return self._is_ours

    async def append(self, event: Event, *, unless_cancelled: bool = False) -> bool:
        """Store an event once; False, with nothing written, where `unless_cancelled` and it is.

        An unavailable log is tried until it answers.

        Raises:
            FencedError: the attempt no longer runs here; that is for good.
        """
        if not self._is_ours:
            raise FencedError(self._fenced_message())
        while not (unless_cancelled and self.cancel_requested):
            if isinstance(event, SAID) and 0 < event.number <= self._heard:
                return True
            try:
                self._sequence = await self._events.append(event, expect=JobAt(sequence=self._sequence))
            except (ConflictError, UnavailableError) as error:
                overtaken = isinstance(error, ConflictError)
                if not overtaken:
                    await asyncio.sleep(_PAUSE_S)
                job, stored = await self._look_for(event, at_least=self._sequence + overtaken)
                # What came after our event counts too: it may have ended the attempt.
                self._is_ours = self._runs_here(job)
                if stored:
                    return True
                if not self._is_ours:
                    raise FencedError(self._fenced_message()) from error
            else:
                return True
        return False

    async def _look_for(self, event: Event, *, at_least: int) -> tuple[Job, bool]:
        """The job as it is now, and whether the event is among what was new."""
        known = self._sequence
        job, records = await self._read(at_least)
        self._sequence = job.sequence
        self._heard = last_heard(records, self._attempt)
        self.cancel_requested = self.cancel_requested or job.cancel_requested
        return job, any(record.sequence > known and record.event == event for record in records)

    async def _read(self, at_least: int) -> tuple[Job, list[Recorded]]:
        """The job and its events, as new as is known to be there: a replica that lags may answer."""
        pause_s = _PAUSE_S
        while True:
            try:
                records = await self._events.read_job(self._job_id)
                job = fold(records)
                if job is not None and job.sequence >= at_least:
                    return job, records
                _log.warning("log_lags", known=at_least, retry_in_s=pause_s)
            except UnavailableError as error:
                _log.warning("log_unavailable", error=str(error), retry_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_MAX_S)

    def _runs_here(self, job: Job) -> bool:
        return runs_here(job, self._attempt, self._executor)

    def _fenced_message(self) -> str:
        return f"attempt {self._attempt} of job {self._job_id} does not run here any more"
