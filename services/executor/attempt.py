"""One claimed attempt, from start to last event: reads the sandbox and writes the log at the same time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import structlog

from events.catalogue import AttemptFailed, AttemptSucceeded
from events.job import Failure
from events.progress import Failed, Succeeded, decode_line
from services.executor.collection import collect
from services.executor.lines import printable
from services.executor.outbox import Outbox
from services.executor.outcome import Ending, cancelled, conclude
from services.executor.runtime import SandboxError
from services.executor.speech import cleaned, event_of
from services.executor.writer import FencedError

if TYPE_CHECKING:
    from services.executor.collection import Store
    from services.executor.outcome import Cause
    from services.executor.runtime import Exit, Runtime, Sandbox, SandboxSpec, StreamName
    from services.executor.writer import AttemptWriter

LINGER_S: Final = 10.0
"""How long a process may go on after its last word."""
STOP_S: Final = 10.0
"""How long a stopped sandbox may take to end, all lines read."""
_TEXT_CHARS_MAX: Final = 2000
_LOG_CHARS_MAX: Final = 500
_LOG_LINES_MAX: Final = 10_000

_log = structlog.get_logger(__name__)


class AttemptRun:
    """Runs one attempt; `spec` is a failure where it was clear before the start that nothing can run.

    `secrets` are values that must appear in no log line and no event.
    """

    def __init__(
        self,
        spec: SandboxSpec | Failure,
        *,
        runtime: Runtime,
        store: Store,
        writer: AttemptWriter,
        job_id: str,
        attempt: int,
        limit_s: float,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self._spec = spec
        self._runtime = runtime
        self._store = store
        self._writer = writer
        self._job_id = job_id
        self._attempt = attempt
        self._limit_s = limit_s
        self._secrets = secrets
        self._outbox = Outbox()
        self._news = asyncio.Event()
        self._stopped = asyncio.Event()
        self._fenced = False
        self._cause: Cause | None = None
        self._last_word: Succeeded | Failed | None = None
        self._stderr_line = ""
        self._log_lines_left = _LOG_LINES_MAX

    def stop(self, cause: Cause) -> None:
        """Ask for the end of the sandbox; the first cause counts."""
        self._cause = self._cause or cause
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
        if isinstance(self._spec, Failure):
            await self._fail(self._spec)
            return
        sandbox = await self._runtime.start(self._spec)
        try:
            ended = await self._watch(sandbox)
            if isinstance(ended, Succeeded):
                await self._succeed(sandbox, ended)
            else:
                await self._fail(ended)
        finally:
            await asyncio.shield(_removed(sandbox))

    async def _watch(self, sandbox: Sandbox) -> Succeeded | Failure:
        """Read and send until the process has ended or was stopped, and all it said is in the log."""
        reading = asyncio.create_task(self._read(sandbox))
        sending = asyncio.create_task(self._send())
        stopped = asyncio.create_task(self._stopped.wait())
        limit = asyncio.get_running_loop().call_later(self._limit_s, self.stop, "time_limit")
        try:
            await asyncio.wait({reading, sending, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if self._fenced:
                raise FencedError("the log says that the attempt is over")
            if sending.done():
                sending.result()
            end, trouble = await self._end(sandbox, reading)
            self._outbox.close()
            self._news.set()
            await sending
        finally:
            limit.cancel()
            await _cancelled(reading, sending, stopped)
        return conclude(
            Ending(
                exit=end,
                cause=self._cause,
                last_word=self._last_word,
                trouble=trouble,
                stderr_line=self._stderr_line,
                limit_s=self._limit_s,
            )
        )

    async def _end(self, sandbox: Sandbox, reading: asyncio.Task[Exit]) -> tuple[Exit | None, Failure | None]:
        """The exit of the process, stopped where it still runs, or why there is none to know."""
        try:
            if reading.done():
                return reading.result(), None
            _log.info("sandbox_stopping", cause=self._cause)
            async with asyncio.timeout(STOP_S):
                await sandbox.stop()
                return await reading, None
        except TimeoutError:
            message = f"The sandbox did not end within {STOP_S:.0f} s of being told to."
            return None, Failure(reason="sandbox_stuck", message=message, retryable=True)
        except SandboxError as error:
            return None, error.failure

    async def _read(self, sandbox: Sandbox) -> Exit:
        async for stream, line in sandbox.lines():
            message = decode_line(line) if stream == "stdout" else None
            if message is None:
                self._note(stream, line)
                continue
            message = cleaned(message, self._clean)
            if isinstance(message, Succeeded | Failed):
                self._last_word = message
                asyncio.get_running_loop().call_later(LINGER_S, self._linger)
            else:
                self._outbox.put(message)
                self._news.set()
        return await sandbox.wait()

    def _linger(self) -> None:
        self.stop("lingering")

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        while (wait_s := self._outbox.wait_s(loop.time())) is not None or not self._outbox.closed:
            if wait_s == 0:
                event = event_of(self._outbox.take(loop.time()), job_id=self._job_id, attempt=self._attempt)
                assert event is not None, "a last word is never put"
                await self._writer.append(event)
                if self._writer.cancel_requested:
                    self.stop("cancelled")
                continue
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()

    async def _succeed(self, sandbox: Sandbox, said: Succeeded) -> None:
        artifacts = await collect(sandbox, self._store, said.artifacts)
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
        )
        if not await self._writer.append(event, unless_cancelled=True):
            await self._fail(cancelled())
            return
        _log.info("attempt_succeeded", score=said.score, metric=said.metric)

    async def _fail(self, failure: Failure) -> None:
        message = self._clean(failure.message)
        await self._writer.append(
            AttemptFailed(
                job_id=self._job_id,
                attempt=self._attempt,
                reason=failure.reason,
                message=message,
                retryable=failure.retryable,
            )
        )
        _log.warning("attempt_failed", reason=failure.reason, message=message, retryable=failure.retryable)

    def _note(self, stream: StreamName, line: bytes) -> None:
        """A line for whoever reads the executor's log; one that writes without end is cut off."""
        text = printable(line.decode(errors="replace"), chars_max=_LOG_CHARS_MAX, secrets=self._secrets)
        if not text:
            return
        if stream == "stderr":
            self._stderr_line = text
        self._log_lines_left -= 1
        if self._log_lines_left > 0:
            (_log.info if stream == "stderr" else _log.debug)("agent_line", stream=stream, line=text)
        elif self._log_lines_left == 0:
            _log.warning("agent_lines_dropped", after=_LOG_LINES_MAX)

    def _clean(self, text: str) -> str:
        return printable(text, chars_max=_TEXT_CHARS_MAX, secrets=self._secrets)


async def _removed(sandbox: Sandbox) -> None:
    """Remove what is left; what cannot be removed now is found by the executor's next start."""
    try:
        await sandbox.remove()
    except SandboxError as error:
        _log.warning("sandbox_not_removed", reason=str(error))


async def _cancelled(*tasks: asyncio.Task[Exit] | asyncio.Task[None] | asyncio.Task[bool]) -> None:
    """Cancel and wait; what they raise was looked at where it mattered."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
