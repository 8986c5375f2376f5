"""The attempts that run in this process, each in a task of its own: begun, told of news, ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from services.executor.attempt import AttemptRun
from services.executor.hearing import Heard, Hearing
from services.executor.specification import limit_s_of
from services.executor.writer import AttemptWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.job import Failure, Job
    from events.log import Log
    from services.executor.collection import Store
    from services.executor.hearing import LineSink
    from services.executor.runtime import Adopted, Runtime, SandboxSpec
    from services.executor.settings import Settings

STOP_S: Final = 11.0
"""How long running attempts have for their end once the executor is stopped."""
_ABANDON_S: Final = 2.0

_log = structlog.get_logger(__name__)


class Runs:
    """Attempts by job and number; `lines` is where their log lines go, None: nowhere."""

    def __init__(
        self, log: Log, runtime: Runtime, store: Store, settings: Settings, lines: LineSink | None
    ) -> None:
        self._events = log
        self._runtime = runtime
        self._store = store
        self._settings = settings
        self._lines = lines
        self._runs: dict[tuple[str, int], tuple[AttemptRun, asyncio.Task[None]]] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def __contains__(self, attempt: tuple[str, int]) -> bool:
        return attempt in self._runs

    def begin(
        self,
        job: Job,
        number: int,
        what: SandboxSpec | Adopted | Failure,
        *,
        writer: AttemptWriter | None = None,
        heard: Heard | None = None,
        ran_s: float = 0.0,
    ) -> AttemptRun:
        """Run an attempt that is ours."""
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
            writer=writer or self.writer(job, number),
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

    def writer(self, job: Job, number: int) -> AttemptWriter:
        """The pen of an attempt that is ours, or that we want."""
        return AttemptWriter(self._events, job=job, attempt=number, executor=self._settings.executor)

    def tell(self, job: Job) -> None:
        """Let the runs of a job know what somebody else has written."""
        for (job_id, number), (run, _) in self._runs.items():
            if job_id != job.job_id:
                continue
            if _is_over(job, number):
                run.fence()
            elif job.cancel_requested:
                run.stop("cancelled")

    async def ended(self, *, within_s: float) -> None:
        """Return once nothing runs any more, or after so long."""
        tasks = self._tasks()
        if tasks:
            await asyncio.wait(tasks, timeout=within_s)

    async def stop(self) -> None:
        """End all attempts; their events say so."""
        await self._end(lambda run: run.stop("executor_stopped"))

    async def hand_over(self) -> None:
        """Leave all sandboxes to this executor's next process; stop those that cannot outlive this one."""
        if self._runtime.facts.outlives:
            await self._end(lambda run: run.leave())
        else:
            await self.stop()

    async def _end(self, told: Callable[[AttemptRun], None]) -> None:
        tasks = self._tasks()
        for run, _ in list(self._runs.values()):
            told(run)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=STOP_S)
        for task in late:
            task.cancel()
        if late:
            _log.warning("attempts_abandoned", count=len(late))
            await asyncio.wait(late, timeout=_ABANDON_S)

    def _tasks(self) -> set[asyncio.Task[None]]:
        return {task for _, task in self._runs.values()}


def _is_over(job: Job, number: int) -> bool:
    """Somebody else has ended the attempt."""
    current = job.current
    return job.has_ended or current is None or current.number != number or current.status == "lost"
