"""One claimed attempt, from start to last event: reads the sandbox and writes the log at the same time."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from events.catalogue import AttemptFailed, AttemptSucceeded
from events.job import Failure
from events.progress import NONCE_VARIABLE, Succeeded
from services import tracing
from services.executor.collection import collect
from services.executor.disk import DiskUse
from services.executor.outcome import Ending, cancelled, conclude
from services.executor.removal import removed
from services.executor.runtime import Adopted, SandboxError
from services.executor.writer import FencedError
from services.running import utc_now
from services.spans import sandboxed

if TYPE_CHECKING:
    from datetime import datetime

    from services.executor.collection import Store
    from services.executor.hearing import Hearing
    from services.executor.outcome import Cause
    from services.executor.runtime import Exit, Runtime, Sandbox, SandboxSpec
    from services.executor.writer import AttemptWriter

LINGER_S: Final = 10.0
"""How long a process may go on after its last word."""
STOP_S: Final = 10.0
"""How long a stopped sandbox may take to end, all lines read."""

_log = structlog.get_logger(__name__)


class AttemptRun:
    """Runs one attempt: of a spec, or in a sandbox that was adopted; a failure where nothing can run.

    `limit_s` is how long it may run in all, `ran_s` how long it has run before, `disk_bytes_max` what its
    output folder may hold; no artifact that holds one of `secrets` is kept.
    """

    def __init__(
        self,
        what: SandboxSpec | Adopted | Failure,
        *,
        runtime: Runtime,
        store: Store,
        writer: AttemptWriter,
        hearing: Hearing,
        job_id: str,
        attempt: int,
        limit_s: float,
        disk_bytes_max: int,
        ran_s: float = 0.0,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self._what = what
        self._runtime = runtime
        self._store = store
        self._writer = writer
        self._hearing = hearing
        self._outbox = hearing.outbox
        self._job_id = job_id
        self._attempt = attempt
        self._limit_s = limit_s
        self._disk_bytes_max = disk_bytes_max
        self._ran_s = ran_s
        self._secrets = secrets
        self._news = asyncio.Event()
        self._stopped = asyncio.Event()
        self._fenced = False
        self._left = False
        self._cause: Cause | None = None
        self._exit: Exit | None = None
        self._ended_at: datetime | None = None
        self._disk = DiskUse()

    def stop(self, cause: Cause) -> None:
        """Ask for the end of the sandbox; the first cause counts."""
        self._cause = self._cause or cause
        self._stopped.set()

    def leave(self) -> None:
        """Let the sandbox go on without us, for this executor's next process to adopt; nothing is written."""
        self._left = True
        self._stopped.set()

    def fence(self) -> None:
        """The attempt is over in the log: end the sandbox and write nothing more."""
        self._fenced = True
        self._stopped.set()

    async def run(self) -> None:
        """Run to the last event; raises nothing but cancellation."""
        structlog.contextvars.bind_contextvars(job_id=self._job_id, attempt=self._attempt)
        try:
            try:
                await self._run()
            except SandboxError as error:
                await self._fail(error.failure)
            except FencedError:
                raise
            except Exception:  # noqa: BLE001 a bug in one attempt must not end the executor's others
                _log.exception("attempt_broke")
                message = "The executor met an error of its own; its log says which."
                await self._fail(Failure(reason="executor_error", message=message, retryable=True))
        except FencedError as error:
            _log.warning("attempt_fenced", reason=str(error))

    async def _run(self) -> None:
        if isinstance(self._what, Failure):
            await self._fail(self._what)
            return
        began = utc_now() - timedelta(seconds=self._ran_s)
        sandbox, nonce = await self._begin(self._what)
        kept = False
        try:
            ended = await self._watch(sandbox, nonce)
            if ended is None:
                kept = True
                _log.info("handed_over")
                return
            await self._disk.last_look(sandbox)
            if isinstance(ended, Succeeded):
                await self._succeed(sandbox, ended)
            else:
                await self._fail(ended)
        except asyncio.CancelledError:
            kept = self._left
            raise
        finally:
            if not kept:
                await asyncio.shield(removed(sandbox))
                self._tell_of_sandbox(began)

    def _tell_of_sandbox(self, began: datetime) -> None:
        tracing.tell(
            sandboxed(
                self._job_id,
                self._attempt,
                runtime=self._runtime.facts.runtime,
                exit_code=self._exit.code if self._exit else None,
                began=began,
                ended=self._ended_at or utc_now(),
            )
        )

    async def _begin(self, what: SandboxSpec | Adopted) -> tuple[Sandbox, str]:
        """The sandbox to listen to, and the nonce that its agent speaks with."""
        if isinstance(what, Adopted):
            return what.sandbox, what.nonce
        return await self._runtime.start(what), what.variables[NONCE_VARIABLE]

    async def _watch(self, sandbox: Sandbox, nonce: str) -> Succeeded | Failure | None:
        """Read and send until the process has ended or was stopped, and all it said is in the log.

        None where it runs on and was left: what it said and is not in the log yet is read again.
        """
        reading = asyncio.create_task(self._read(sandbox, nonce))
        sending = asyncio.create_task(self._send())
        stopped = asyncio.create_task(self._stopped.wait())
        guarding = asyncio.create_task(self._guard(sandbox))
        limit = asyncio.get_running_loop().call_later(self._limit_s - self._ran_s, self.stop, "time_limit")
        try:
            await asyncio.wait({reading, sending, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if self._fenced:
                raise FencedError("the log says that the attempt is over")
            if sending.done():
                sending.result()
            if self._left and self._cause is None and not reading.done():
                return None
            self._exit, trouble = await self._end(sandbox, reading)
            self._ended_at = utc_now()
            self._outbox.close()
            self._news.set()
            await sending
        finally:
            limit.cancel()
            await _cancelled(reading, sending, stopped, guarding)
        return conclude(
            Ending(
                exit=self._exit,
                cause=self._cause,
                last_word=self._hearing.last_word,
                trouble=trouble,
                stderr_line=self._hearing.stderr_line,
                limit_s=self._limit_s,
                disk_bytes_max=self._disk_bytes_max,
            )
        )

    async def _end(self, sandbox: Sandbox, reading: asyncio.Task[Exit]) -> tuple[Exit | None, Failure | None]:
        """The exit of the process, stopped where it still runs, or why there is none to know."""
        try:
            if reading.done():
                return reading.result(), None
            _log.info("sandbox_stopping", cause=self._cause)
            async with asyncio.timeout(STOP_S):
                # What fills the disk would go on with it for as long as it was given.
                await sandbox.stop(at_once=self._cause == "disk_full")
                return await reading, None
        except TimeoutError:
            message = f"The sandbox did not end within {STOP_S:.0f} s of being told to."
            return None, Failure(reason="sandbox_stuck", message=message, retryable=True)
        except SandboxError as error:
            return None, error.failure

    async def _read(self, sandbox: Sandbox, nonce: str) -> Exit:
        loop = asyncio.get_running_loop()
        async for stream, line in sandbox.lines():
            last_word = self._hearing.last_word
            await self._hearing.take(stream, line, nonce=nonce, now_s=loop.time())
            if self._hearing.last_word is not last_word:
                loop.call_later(LINGER_S, self._linger)
            self._news.set()
        return await sandbox.wait()

    async def _guard(self, sandbox: Sandbox) -> None:
        await self._disk.until_full(sandbox, bytes_max=self._disk_bytes_max)
        if self._runtime.facts.disk_bound == "measured":
            self.stop("disk_full")

    def _linger(self) -> None:
        self.stop("lingering")

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        while (wait_s := self._outbox.wait_s(loop.time())) is not None or not self._outbox.closed:
            if wait_s == 0:
                await self._writer.append(self._outbox.take(loop.time()))
                if self._writer.cancel_requested:
                    self.stop("cancelled")
                continue
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()

    async def _succeed(self, sandbox: Sandbox, said: Succeeded) -> None:
        artifacts = await collect(
            sandbox, self._store, said.artifacts, secrets=self._secrets, log=self._hearing.log
        )
        if isinstance(artifacts, Failure):
            await self._fail(artifacts)
            return
        event = AttemptSucceeded(
            job_id=self._job_id,
            attempt=self._attempt,
            task=said.task,
            metric=said.metric,
            maximize=said.maximize,
            score=said.score,
            fold_scores=said.fold_scores,
            artifacts=artifacts,
            disk_bytes_peak=self._disk.peak_bytes,
        )
        if not await self._writer.append(event, unless_cancelled=True):
            await self._fail(cancelled())
            return
        _log.info("attempt_succeeded", score=said.score, metric=said.metric, log_lines=self._hearing.lines)

    async def _fail(self, failure: Failure) -> None:
        message = self._hearing.clean(failure.message)
        await self._writer.append(
            AttemptFailed(
                job_id=self._job_id,
                attempt=self._attempt,
                reason=failure.reason,
                message=message,
                retryable=failure.retryable,
                disk_bytes_peak=self._disk.peak_bytes,
            )
        )
        _log.warning(
            "attempt_failed",
            reason=failure.reason,
            message=message,
            retryable=failure.retryable,
            log_lines=self._hearing.lines,
        )


async def _cancelled(*tasks: asyncio.Task[Exit] | asyncio.Task[None] | asyncio.Task[bool]) -> None:
    """Cancel and wait; what they raise was looked at where it mattered."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
