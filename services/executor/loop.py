"""The executor's shell: follow the log, adopt what still runs, claim into free slots, stop what must stop."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Final

import structlog

from events.catalogue import AttemptFailed, AttemptStarted
from events.live import LiveJobs
from events.log import UnavailableError
from services.executor.adoption import is_left_over, last_heard, runs_here, time_run_s, told_refusals
from services.executor.attempt import AttemptRun
from services.executor.hearing import Heard, Hearing
from services.executor.outcome import restarted
from services.executor.readiness import Readiness
from services.executor.removal import removed
from services.executor.runtime import SandboxError
from services.executor.specification import budget_s_of, limit_s_of, specify
from services.executor.writer import AttemptWriter, FencedError
from services.logstream import LogLinesError
from services.running import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from events.job import Failure, Job
    from events.log import Log
    from events.recorded import Recorded
    from services.executor.collection import Store
    from services.executor.hearing import LineSink
    from services.executor.runtime import Adopted, Remains, Runtime, SandboxSpec
    from services.executor.settings import Settings

STOP_S: Final = 11.0
"""How long running attempts have for their end once the executor is stopped."""
SWEEP_S: Final = 60.0
"""How often sandboxes are looked for that belong to no running attempt."""
_ABANDON_S: Final = 2.0

_log = structlog.get_logger(__name__)


class Executor:
    """One executor; there must be no second one with its id.

    It goes on from `jobs`; `lines` is where the log lines of attempts go, None: nowhere.  `left_over` are the
    sandboxes that belonged to no running attempt when last looked for, and are still there.
    """

    def __init__(
        self,
        log: Log,
        runtime: Runtime,
        store: Store,
        settings: Settings,
        *,
        lines: LineSink | None = None,
        clock: Callable[[], datetime] = utc_now,
        jobs: LiveJobs | None = None,
    ) -> None:
        self._events = log
        self._runtime = runtime
        self._readiness = Readiness(runtime)
        self._store = store
        self._settings = settings
        self._lines = lines
        self._clock = clock
        self._jobs = jobs or LiveJobs()
        self._runs: dict[tuple[str, int], tuple[AttemptRun, asyncio.Task[None]]] = {}
        self.left_over = 0
        self._swept = False
        self._stopping = False

    @property
    def running(self) -> int:
        """Attempts that run here now."""
        return len(self._runs)

    async def run(self) -> None:
        """Execute for ever; a cancellation stops the running attempts, says so in the log, and ends it."""
        following = asyncio.create_task(self._follow())
        sweeping = asyncio.create_task(self._keep_clean())
        try:
            # `wait` cannot lose a cancellation, as a client's `wait_for` may on Python 3.11.
            await asyncio.wait({following})
            following.result()
        finally:
            self._stopping = True
            sweeping.cancel()
            await self._stop(following)

    async def _follow(self) -> None:
        async for batch in self._events.follow(after=self._jobs.sequence):
            if self._stopping:
                return
            for record in batch.records:
                job = self._jobs.observe(record)
                if job is not None:
                    self._tell(job)
            if batch.caught_up and await self._settle():
                await self._claim_scheduled()

    def _tell(self, job: Job) -> None:
        """Let the runs of a job know what somebody else has written."""
        for (job_id, number), (run, _) in self._runs.items():
            if job_id != job.job_id:
                continue
            if _is_over(job, number):
                run.fence()
            elif job.cancel_requested:
                run.stop("cancelled")

    async def _settle(self) -> bool:
        """Go on with what an earlier process of this executor left; True once there is nothing left of it.

        False where a part did not answer: what runs here is not known then, and nothing is to be claimed.
        """
        try:
            if any(self._orphans()):
                left = {(one.job_id, one.attempt): one for one in await self._runtime.find()}
                for job in list(self._orphans()):
                    await self._take_over(job, left.get((job.job_id, len(job.attempts))))
            if not self._swept:
                await self._sweep()
        except (SandboxError, UnavailableError, LogLinesError) as error:
            _log.warning("not_settled", reason=str(error))
            return False
        return True

    def _orphans(self) -> Iterator[Job]:
        """Jobs whose attempt runs here by the log, and by nothing else."""
        for job in self._jobs.moving:
            number = len(job.attempts)
            if (job.job_id, number) not in self._runs and runs_here(job, number, self._settings.executor):
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
        run = self._begin(job, number, adopted, heard=known, ran_s=time_run_s(job, self._clock()))
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
            if is_left_over(await self._events.read_job(job_id), number, self._settings.executor):
                _log.warning("sandbox_left_over", job_id=job_id, attempt=number)
                there -= await removed(remains)
        self.left_over = there
        self._swept = True

    async def _keep_clean(self) -> None:
        """Sweep for ever: what could not be removed at its end may be later."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                if self._swept:
                    await self._sweep()
            except (SandboxError, UnavailableError) as error:
                _log.warning("not_swept", reason=str(error))

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
            await self._writer(job, number).append(event)
        except FencedError as error:
            _log.info("left_over_already_over", reason=str(error))

    async def _claim_scheduled(self) -> None:
        for job in self._jobs.moving:
            if self._stopping or len(self._runs) >= self._settings.slots:
                return
            current = job.current
            if current is None or current.status != "scheduled" or job.cancel_requested:
                continue
            if (job.job_id, current.number) not in self._runs:
                if not await self._readiness.can_start():
                    return
                await self._claim(job, current.number)

    async def _claim(self, job: Job, number: int) -> None:
        facts = self._runtime.facts
        writer = self._writer(job, number)
        started = AttemptStarted(
            job_id=job.job_id,
            attempt=number,
            executor=self._settings.executor,
            runtime=facts.runtime,
            cpus=facts.cpus,
            memory_bytes=facts.memory_bytes,
            disk_bound=facts.disk_bound,
            budget_s=budget_s_of(job, self._settings),
            notes=facts.notes,
        )
        if not await writer.claim(started):
            _log.info("claim_lost", job_id=job.job_id, attempt=number)
            return
        _log.info("claimed", job_id=job.job_id, attempt=number)
        nonce = secrets.token_hex(16)
        spec = specify(job, number, self._settings, facts, nonce=nonce)
        self._begin(job, number, spec, writer=writer)

    def _begin(
        self,
        job: Job,
        number: int,
        what: SandboxSpec | Adopted | Failure,
        *,
        writer: AttemptWriter | None = None,
        heard: Heard | None = None,
        ran_s: float = 0.0,
    ) -> AttemptRun:
        """Run an attempt that is ours, in a task of its own."""
        hearing = Hearing(
            job_id=job.job_id,
            attempt=number,
            secrets=self._settings.secrets,
            sink=self._lines,
            heard=heard or Heard(),
        )
        run = AttemptRun(
            what,
            runtime=self._runtime,
            store=self._store,
            writer=writer or self._writer(job, number),
            hearing=hearing,
            job_id=job.job_id,
            attempt=number,
            limit_s=limit_s_of(job, self._settings),
            disk_bytes_max=self._settings.disk_bytes_max,
            ran_s=ran_s,
            secrets=self._settings.secrets,
        )
        task = asyncio.create_task(run.run())
        self._runs[job.job_id, number] = (run, task)
        task.add_done_callback(lambda _: self._runs.pop((job.job_id, number)))
        return run

    def _writer(self, job: Job, number: int) -> AttemptWriter:
        return AttemptWriter(self._events, job=job, attempt=number, executor=self._settings.executor)

    async def _stop(self, following: asyncio.Task[None]) -> None:
        while not following.done():
            following.cancel()
            await asyncio.wait({following}, timeout=0.2)
        tasks = {task for _, task in self._runs.values()}
        for run, _ in list(self._runs.values()):
            run.stop("executor_stopped")
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=STOP_S)
        for task in late:
            task.cancel()
        if late:
            _log.warning("attempts_abandoned", count=len(late))
            await asyncio.wait(late, timeout=_ABANDON_S)


def _is_over(job: Job, number: int) -> bool:
    """Somebody else has ended the attempt."""
    current = job.current
    return job.has_ended or current is None or current.number != number or current.status == "lost"
