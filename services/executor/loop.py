"""The executor's shell: follow the log, adopt what still runs, claim into free slots, drain at its end."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING

import structlog

from events.catalogue import AttemptStarted
from events.live import LiveJobs
from services.executor.leftovers import Leftovers
from services.executor.readiness import Readiness
from services.executor.runs import Runs
from services.executor.specification import budget_s_of, specify
from services.executor.spread import Patience, delay_s, running_by_executor, waiting_for
from services.presence import Heartbeat
from services.running import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from events.job import Job
    from events.log import Log
    from services.executor.collection import Store
    from services.executor.hearing import LineSink
    from services.executor.runtime import Runtime
    from services.executor.settings import Settings

_log = structlog.get_logger(__name__)


def _nobody() -> tuple[Heartbeat, ...]:
    """The default of `Executor`'s `others`."""
    return ()


class Executor:
    """One executor; there must be no second one with its id.

    It goes on from `jobs`; `lines` is where the log lines of attempts go, None: nowhere; `others` tells the
    newest heartbeats of the executors that are heard here.
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
        others: Callable[[], Iterable[Heartbeat]] = _nobody,
        jobs: LiveJobs | None = None,
    ) -> None:
        self._events = log
        self._runtime = runtime
        self._readiness = Readiness(runtime)
        self._settings = settings
        self._others = others
        self._jobs = jobs or LiveJobs()
        self._runs = Runs(log, runtime, store, settings, lines)
        self._leftovers = Leftovers(
            log, runtime, self._runs, executor=settings.executor, lines=lines, clock=clock
        )
        self._patience = Patience()
        self._claiming = asyncio.Lock()
        self._draining = asyncio.Event()
        self._stopping = False

    @property
    def slots(self) -> int:
        """How many attempts it runs at once."""
        return self._settings.slots or self._runtime.facts.slots

    @property
    def running(self) -> int:
        """Attempts that run here now."""
        return len(self._runs)

    @property
    def left_over(self) -> int:
        """Sandboxes of no running attempt that could not be removed yet."""
        return self._leftovers.count

    def told(self, *, leaving: bool = False) -> Heartbeat:
        """What it says of itself."""
        facts = self._runtime.facts
        return Heartbeat(
            executor=self._settings.executor,
            slots=self.slots,
            running=self.running,
            left_over=self.left_over,
            cpus=facts.cpus,
            memory_bytes=facts.memory_bytes,
            draining=self._draining.is_set(),
            leaving=leaving,
        )

    def drain(self) -> None:
        """Start nothing more, and let `run` end once what runs has ended or was handed over."""
        if not self._draining.is_set():
            _log.info("draining", running=self.running, for_s=self._settings.drain_s)
            self._draining.set()

    async def run(self) -> None:
        """Execute until drained; a cancellation stops what runs, says so in the log, and ends it."""
        following = asyncio.create_task(self._follow())
        sweeping = asyncio.create_task(self._leftovers.keep_clean())
        draining = asyncio.create_task(self._drained())
        try:
            # `wait` cannot lose a cancellation, as a client's `wait_for` may on Python 3.11.
            await asyncio.wait({following, draining}, return_when=asyncio.FIRST_COMPLETED)
            for task in (following, draining):
                if task.done():
                    task.result()
        finally:
            self._stopping = True
            sweeping.cancel()
            draining.cancel()
            while not following.done():
                following.cancel()
                await asyncio.wait({following}, timeout=0.2)
            await self._runs.stop()

    async def _follow(self) -> None:
        async for batch in self._events.follow(after=self._jobs.sequence):
            if self._stopping:
                return
            for record in batch.records:
                job = self._jobs.observe(record)
                if job is not None:
                    self._runs.tell(job)
            # What is orphaned while this one drains is its successor's.
            if batch.caught_up and not self._draining.is_set():
                async with self._claiming:
                    if await self._leftovers.settle(self._jobs.moving):
                        await self._claim_waiting()

    async def _drained(self) -> None:
        await self._draining.wait()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.drain_s
        # What is being claimed is to be among the runs first; but a log that is away is asked for ever.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline), self._claiming:
                pass
        await self._runs.ended(within_s=max(0.0, deadline - loop.time()))
        if self._runs:
            _log.warning("handing_over", running=self.running, after_s=self._settings.drain_s)
        await self._runs.hand_over()
        _log.info("drained")

    async def _claim_waiting(self) -> None:
        waiting = waiting_for(self._jobs.moving)
        now_s = asyncio.get_running_loop().time()
        self._patience.look(((job.job_id, len(job.attempts)) for job in waiting), now_s)
        for job in waiting:
            attempt = (job.job_id, len(job.attempts))
            if self._stopping or self._draining.is_set() or len(self._runs) >= self.slots:
                return
            if attempt in self._runs or self._patience.waited_s(attempt, now_s) < self._delay_s():
                continue
            if not await self._readiness.can_start():
                return
            await self._claim(job, len(job.attempts))

    def _delay_s(self) -> float:
        others = list(self._others())
        return delay_s(self.told(), others, running_by_executor(self._jobs.moving)) if others else 0.0

    async def _claim(self, job: Job, number: int) -> None:
        facts = self._runtime.facts
        writer = self._runs.writer(job, number)
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
            image=facts.image,
        )
        if not await writer.claim(started):
            _log.info("claim_lost", job_id=job.job_id, attempt=number)
            return
        _log.info("claimed", job_id=job.job_id, attempt=number)
        nonce = secrets.token_hex(16)
        self._runs.begin(job, number, specify(job, number, self._settings, facts, nonce=nonce), writer=writer)
