"""The executor's shell: follow the log, claim scheduled attempts into free slots, stop what must stop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from events.catalogue import AttemptFailed, AttemptStarted
from events.live import LiveJobs
from services.executor.attempt import AttemptRun
from services.executor.outcome import restarted
from services.executor.runtime import SandboxError
from services.executor.specification import limit_s_of, specify
from services.executor.writer import AttemptWriter, FencedError

if TYPE_CHECKING:
    from events.job import Job
    from events.log import Log
    from services.executor.collection import Store
    from services.executor.runtime import Runtime
    from services.executor.settings import Settings

STOP_S: Final = 11.0
"""How long running attempts have for their end once the executor is stopped."""
_ABANDON_S: Final = 2.0

_log = structlog.get_logger(__name__)


class Executor:
    """One executor; there must be no second one with its id."""

    def __init__(self, log: Log, runtime: Runtime, store: Store, settings: Settings) -> None:
        self._events = log
        self._runtime = runtime
        self._store = store
        self._settings = settings
        self._jobs = LiveJobs()
        self._runs: dict[tuple[str, int], tuple[AttemptRun, asyncio.Task[None]]] = {}
        self._settled = False
        self._stopping = False

    @property
    def running(self) -> int:
        """Attempts that run here now."""
        return len(self._runs)

    async def run(self) -> None:
        """Execute for ever; a cancellation stops the running attempts, says so in the log, and ends it."""
        following = asyncio.create_task(self._follow())
        try:
            # `wait` cannot lose a cancellation, as a client's `wait_for` may on Python 3.11.
            await asyncio.wait({following})
            following.result()
        finally:
            self._stopping = True
            await self._stop(following)

    async def _follow(self) -> None:
        async for batch in self._events.follow(after=0):
            if self._stopping:
                return
            for record in batch.records:
                job = self._jobs.observe(record)
                if job is not None:
                    self._tell(job)
            if batch.caught_up:
                if not self._settled:
                    await self._settle()
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

    async def _settle(self) -> None:
        """End what an earlier process of this executor left: its sandboxes, then its attempts."""
        try:
            for remains in await self._runtime.find():
                _log.warning("sandbox_left_over", job_id=remains.job_id, attempt=remains.attempt)
                await remains.remove()
        except SandboxError as error:
            _log.warning("left_overs_not_removed", reason=str(error))
        for job in list(self._jobs):
            current = job.current
            if current and current.status == "running" and current.executor == self._settings.executor:
                await self._report_restart(job, current.number)
        self._settled = True

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
        for job in list(self._jobs):
            if self._stopping or len(self._runs) >= self._settings.slots:
                return
            current = job.current
            if current is None or current.status != "scheduled" or job.cancel_requested:
                continue
            if (job.job_id, current.number) not in self._runs:
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
            notes=facts.notes,
        )
        if not await writer.claim(started):
            _log.info("claim_lost", job_id=job.job_id, attempt=number)
            return
        _log.info("claimed", job_id=job.job_id, attempt=number)
        run = AttemptRun(
            specify(job, number, self._settings, facts),
            runtime=self._runtime,
            store=self._store,
            writer=writer,
            job_id=job.job_id,
            attempt=number,
            limit_s=limit_s_of(job, self._settings),
            secrets=self._settings.secrets,
        )
        task = asyncio.create_task(run.run())
        self._runs[job.job_id, number] = (run, task)
        task.add_done_callback(lambda _: self._runs.pop((job.job_id, number)))

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
