"""A Job of an attempt, from its start to its removal: what it says, how it ends, what it leaves."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import structlog

from events.progress import LINE_BYTES_MAX, NONCE_VARIABLE
from services.executor.container import EGRESS_VARIABLE
from services.executor.egress import allow_list
from services.executor.egress_told import Told
from services.executor.kubernetes.guest import Guest
from services.executor.kubernetes.log_place import Place
from services.executor.kubernetes.objects import AGENT, TOKEN_SHA256
from services.executor.kubernetes.state import Ended, Lost, Running, Waiting, judge
from services.executor.lines import LineSplitter
from services.executor.runtime import Adopted, Exit, SandboxError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator
    from pathlib import Path

    from lightkube.resources.batch_v1 import Job

    from services.executor.kubernetes.api import Api
    from services.executor.kubernetes.door import Door
    from services.executor.kubernetes.pods import Pods
    from services.executor.kubernetes.state import State
    from services.executor.runtime import Channel

STOP_GRACE_S: Final = 20
"""Longer than the executor waits for the agent: meanwhile the porter can still be asked for files."""
_AT_ONCE_S: Final = 1
_LOOK_S: Final = 1.0
_AWAY_MAX_S: Final = 60.0
"""How long the log of an agent that has ended may be out of reach; while it runs, as long as it takes."""
_UNSEEN_S: Final = 5.0
"""How long a Job may be without a pod before somebody looks at the Job itself, and then again and again."""
_ENDS: Final = frozenset({"Complete", "Failed", "FailureTarget"})
_STAMP_BYTES: Final = 64
_STOPPED: Final = Ended(exit=Exit(code=-15, out_of_memory=False))

_log = structlog.get_logger(__name__)


class KubernetesSandbox:
    """A Job, its pod and its Secret; a `services.executor.runtime.Sandbox`.

    `told_file` is where what it was refused is kept; `pending_s` is how long its pod may take to start.
    """

    def __init__(
        self,
        name: str,
        job_id: str,
        attempt: int,
        *,
        api: Api,
        pods: Pods,
        door: Door,
        told_file: Path,
        pending_s: float,
    ) -> None:
        self._name = name
        self._job_id = job_id
        self._attempt = attempt
        self._api = api
        self._pods = pods
        self._door = door
        self._told_file = told_file
        self._pending_s = pending_s
        self._guest: Guest | None = None
        self._token_sha256 = ""
        self._stopping = False

    @property
    def job_id(self) -> str:
        """See `Remains.job_id`."""
        return self._job_id

    @property
    def attempt(self) -> int:
        """See `Remains.attempt`."""
        return self._attempt

    def let_in(self, job: Job) -> None:
        """Serve the porter of the Job's pod, and lead its agent out where it is to have a network.

        Raises:
            SandboxError: there is no place to keep what it is refused.
        """
        try:
            self._told_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            told = Told(self._told_file, self._name)
        except OSError as error:
            message = f"The way out of {self._name} could not be opened: {error}"
            raise SandboxError("egress_failed", message, retryable=True) from error
        variables = variables_of(job)
        allowed = allow_list(variables) if EGRESS_VARIABLE in variables else None
        self._guest = Guest(self._name, allowed=allowed, told=told)
        self._token_sha256 = (job.metadata.annotations or {})[TOKEN_SHA256] if job.metadata else ""
        self._door.let_in(self._token_sha256, self._guest)

    async def lines(self) -> AsyncIterator[tuple[Channel, bytes]]:
        """See `Sandbox.lines`.

        The API gives both streams as one.  What could be a message counts as the agent's standard output,
        to which it writes nothing else.  The answer ends alike when the container ends and when the
        connection breaks: only an agent that does not run any more has said everything.
        """
        place, clock = Place(), asyncio.get_running_loop().time
        await self._started()
        heard_s = clock()
        while True:
            # Asked before reading: what the agent wrote before its end is then all in this reading.
            ended = isinstance(self._standing(), Ended)
            splitter = LineSplitter(LINE_BYTES_MAX + _STAMP_BYTES)
            try:
                async for entries in self._entries(splitter):
                    heard_s = clock()
                    for channel, line in self._heard(entries, place):
                        yield channel, line
            except SandboxError as error:
                if ended and self._stopping:
                    break  # it went away with its pod, as it was told to
                _log.warning("pod_log_interrupted", reason=str(error))
                if ended and clock() - heard_s > _AWAY_MAX_S:
                    raise
                ended = False
            if ended:
                break
            place.resume()
            # What the watch says of the end may come a moment after the log's.
            await self._pods.news(within_s=_LOOK_S)
        for channel, line in self._refused():
            yield channel, line

    async def wait(self) -> Exit:
        """See `Sandbox.wait`."""
        while not isinstance(state := self._standing(), Ended):
            await self._pods.news(within_s=_LOOK_S)
        return state.exit

    async def stop(self, *, at_once: bool = False) -> None:
        """See `Sandbox.stop`.

        A pod ends as a whole, the porter too: with its last files it has a while longer than the agent.
        """
        self._stopping = True
        sighting = self._pods.of(self._name)
        if sighting is None or sighting.pod.metadata is None or sighting.pod.metadata.name is None:
            await self._api.delete_job(self._name)
        else:
            grace_s = _AT_ONCE_S if at_once else STOP_GRACE_S
            await self._api.delete_pod(sighting.pod.metadata.name, grace_s=grace_s)
        self._pods.wake()
        while not isinstance(self._standing(), Ended):
            await self._pods.news(within_s=_LOOK_S)

    async def used_bytes(self) -> int | None:
        """See `Sandbox.used_bytes`."""
        return None if self._guest is None else await self._guest.used_bytes()

    async def read(self, name: str, *, bytes_max: int) -> bytes:
        """See `Sandbox.read`: the porter reads it, in a pod that goes on until the sandbox is removed."""
        assert self._guest is not None, "nobody reads from a sandbox that was neither started nor adopted"
        return await self._guest.read(name, bytes_max=bytes_max)

    async def adopt(self) -> Adopted | None:
        """See `Remains.adopt`: a Job goes on without its executor, and the cluster keeps what it says.

        One that was never begun has nothing to say.
        """
        job = await self._api.job(self._name)
        if job is None or job.spec is None or job.spec.suspend:
            return None
        self.let_in(job)
        return Adopted(sandbox=self, nonce=variables_of(job)[NONCE_VARIABLE])

    async def remove(self) -> None:
        """See `Remains.remove`."""
        sighting = self._pods.of(self._name)
        if sighting is not None and not sighting.gone and sighting.pod.metadata is not None:
            # The cluster's own way would leave the porter the time that it was given for a stop.
            await self._api.delete_pod(sighting.pod.metadata.name or "", grace_s=_AT_ONCE_S)
        await self._api.delete_job(self._name)
        await self._door.forget(self._token_sha256)
        self._pods.forget(self._name)
        try:
            self._told_file.unlink(missing_ok=True)
        except OSError as error:
            message = f"{self._told_file} could not be removed: {error}"
            raise SandboxError("not_removed", message, retryable=True) from error

    def _standing(self) -> State:
        """How the attempt stands.

        Raises:
            SandboxError: its pod is lost.
        """
        sighting = self._pods.of(self._name)
        if sighting is None:
            return _STOPPED if self._stopping else Waiting(why="")
        state = judge(sighting.pod, gone=sighting.gone)
        if isinstance(state, Lost):
            if self._stopping:
                return _STOPPED
            raise SandboxError(state.failure.reason, state.failure.message, retryable=state.failure.retryable)
        return state

    async def _started(self) -> None:
        """Wait until the agent runs.

        Raises:
            SandboxError: it will not, or took too long.
        """
        clock = asyncio.get_running_loop().time
        deadline, look_at = clock() + self._pending_s, clock() + _UNSEEN_S
        while isinstance(state := self._standing(), Waiting):
            if self._pods.of(self._name) is None and clock() > look_at:
                look_at = clock() + _UNSEEN_S
                await self._may_have_a_pod()
            if clock() > deadline:
                why = state.why or f"`kubectl describe job {self._name}` may know more"
                message = f"The pod of {self._name} did not start in {self._pending_s:.0f} s: {why}"
                raise SandboxError("not_started", message, retryable=True)
            await self._pods.news(within_s=_LOOK_S)
        assert isinstance(state, Running | Ended)

    async def _may_have_a_pod(self) -> None:
        """Nothing, where the Job may still get one: its pod can have come and gone with nobody there to see.

        Raises:
            SandboxError: it will have none.
        """
        job = await self._api.job(self._name)
        conditions = (job.status.conditions if job and job.status else None) or ()
        if job is None or any(one.type in _ENDS and one.status == "True" for one in conditions):
            raise SandboxError("pod_gone", f"The pod of {self._name} was deleted.", retryable=True)

    async def _entries(self, splitter: LineSplitter) -> AsyncIterator[list[bytes]]:
        """The log from its beginning, each line with its time; where it breaks off, without a torn line."""
        sighting = self._pods.of(self._name)
        if sighting is None or sighting.pod.metadata is None:
            return
        async with aclosing(self._api.log(sighting.pod.metadata.name or "", AGENT)) as chunks:
            while (chunk := await self._unless_lost(anext(chunks, None))) is not None:
                yield splitter.feed(chunk)
        yield splitter.flush()

    async def _unless_lost(self, reading: Awaitable[bytes | None]) -> bytes | None:
        """What is read next.

        Raises:
            SandboxError: the pod is lost meanwhile: a log of a node that is gone ends with no word.
        """
        task = asyncio.ensure_future(reading)
        try:
            while not task.done():
                looking = asyncio.create_task(self._pods.news(within_s=_LOOK_S))
                await asyncio.wait({task, looking}, return_when=asyncio.FIRST_COMPLETED)
                looking.cancel()
                if not task.done():
                    self._standing()
            return task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})

    def _heard(self, entries: list[bytes], place: Place) -> Iterator[tuple[Channel, bytes]]:
        """The lines of these entries that were not had before, and what was refused until they came."""
        for entry in entries:
            yield from self._refused()
            if (text := place.text_of(entry)) is not None:
                yield ("stdout" if text.startswith(b"{") else "stderr"), text[:LINE_BYTES_MAX]

    def _refused(self) -> Iterator[tuple[Channel, bytes]]:
        for line in self._guest.told.take() if self._guest is not None else ():
            yield "egress", line.encode()


def variables_of(job: Job) -> dict[str, str]:
    """What the agent of a Job is told."""
    assert job.spec is not None
    assert job.spec.template.spec is not None
    agent = next(one for one in job.spec.template.spec.containers if one.name == AGENT)
    return {one.name: (one.value or "").replace("$$(", "$(") for one in agent.env or ()}
