"""What an earlier process of this executor left: attempts to go on with, and sandboxes to remove."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from events.catalogue import AttemptFailed
from events.log import UnavailableError
from services.executor.adoption import is_left_over, last_heard, runs_here, time_run_s, told_refusals
from services.executor.hearing import Heard
from services.executor.outcome import restarted
from services.executor.removal import removed
from services.executor.runtime import SandboxError
from services.executor.writer import FencedError
from services.logstream import LogLinesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from events.job import Job
    from events.log import Log
    from events.recorded import Recorded
    from services.executor.hearing import LineSink
    from services.executor.runs import Runs
    from services.executor.runtime import Remains, Runtime

SWEEP_S: Final = 60.0
"""How often sandboxes are looked for that belong to no running attempt."""

_log = structlog.get_logger(__name__)


class Leftovers:
    """Finds what `executor` left in `runtime`; attempts that go on are among `runs` then.

    `count` sandboxes belonged to no running attempt when last looked for, and are still there.
    """

    def __init__(
        self,
        log: Log,
        runtime: Runtime,
        runs: Runs,
        *,
        executor: str,
        lines: LineSink | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._events = log
        self._runtime = runtime
        self._runs = runs
        self._executor = executor
        self._lines = lines
        self._clock = clock
        self._swept = False
        self.count = 0

    async def settle(self, jobs: Iterable[Job]) -> bool:
        """Go on with what an earlier process of this executor left; True once there is nothing left of it.

        False where a part did not answer: what runs here is not known then, and nothing is to be claimed.
        """
        try:
            if any(self._orphans(jobs)):
                left = {(one.job_id, one.attempt): one for one in await self._runtime.find()}
                for job in list(self._orphans(jobs)):
                    await self._take_over(job, left.get((job.job_id, len(job.attempts))))
            if not self._swept:
                await self._sweep()
        except (SandboxError, UnavailableError, LogLinesError) as error:
            _log.warning("not_settled", reason=str(error))
            return False
        return True

    async def keep_clean(self) -> None:
        """Sweep for ever: what could not be removed at its end may be later."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                if self._swept:
                    await self._sweep()
            except (SandboxError, UnavailableError) as error:
                _log.warning("not_swept", reason=str(error))

    def _orphans(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Jobs whose attempt runs here by the log, and by nothing else."""
        for job in jobs:
            number = len(job.attempts)
            if (job.job_id, number) not in self._runs and runs_here(job, number, self._executor):
                yield job

    async def _take_over(self, job: Job, remains: Remains | None) -> None:
        """Go on with an attempt, or say that nobody can."""
        number = len(job.attempts)
        adopted = await remains.adopt() if remains else None
        if adopted is None:
            if remains:
                await remains.remove()
            await self._report_restart(job, number)
            return
        records = await self._records(job)
        messages = last_heard(records, number)
        lines = await self._lines.last_number(job.job_id, number) if self._lines else 0
        known = Heard(messages=messages, lines=lines, refusals=told_refusals(records, number))
        run = self._runs.begin(job, number, adopted, heard=known, ran_s=time_run_s(job, self._clock()))
        _log.info("adopted", job_id=job.job_id, attempt=number, messages=messages, lines=lines)
        if job.cancel_requested:
            run.stop("cancelled")

    async def _records(self, job: Job) -> list[Recorded]:
        """The job's events, all that are known here at least: a replica that lags may answer.

        Raises:
            UnavailableError: no answer, or an old one.
        """
        records = await self._events.read_job(job.job_id)
        if not records or records[-1].sequence < job.sequence:
            raise UnavailableError(f"an old reading of job {job.job_id}, from before {job.sequence}")
        return records

    async def _report_restart(self, job: Job, number: int) -> None:
        failure = restarted()
        event = AttemptFailed(
            job_id=job.job_id,
            attempt=number,
            reason=failure.reason,
            message=failure.message,
            retryable=failure.retryable,
        )
        try:
            await self._runs.writer(job, number).append(event)
        except FencedError as error:
            _log.info("left_over_already_over", reason=str(error))

    async def _sweep(self) -> None:
        """Remove the sandboxes of attempts that are over.

        Raises:
            SandboxError, UnavailableError: it is not known which these are.
        """
        there = 0
        for remains in await self._runtime.find():
            job_id, number = remains.job_id, remains.attempt
            if (job_id, number) in self._runs:
                continue
            there += 1
            if is_left_over(await self._events.read_job(job_id), number, self._executor):
                _log.warning("sandbox_left_over", job_id=job_id, attempt=number)
                there -= await removed(remains)
        self.count = there
        self._swept = True
