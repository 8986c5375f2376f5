"""Simulated machines that run sandboxes: an `executor.runtime.Runtime` whose agents follow a script."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from events import progress
from events.catalogue import Artifact
from services.artifacts import ArtifactError
from services.executor.runtime import Adopted, Exit, Facts, FileMissingError, SandboxError

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Callable

    from events.progress import Message
    from services.executor.runtime import SandboxSpec, StreamName
    from tests.simulation.invariants import Checker
    from tests.simulation.shape import Fault

Plot: TypeAlias = Literal[
    "succeeds", "fails", "gives up", "crashes", "out of memory", "hangs", "lingers", "empty"
]

_PLOTS: Final[dict[Plot, int]] = {
    "succeeds": 50, "fails": 10, "gives up": 5, "crashes": 10, "out of memory": 5, "hangs": 5, "lingers": 8,
    "empty": 5,
}  # fmt: skip
_KILLED: Final = -9


def script(rng: random.Random) -> tuple[Plot, list[tuple[float, Message]]]:
    """How an agent's attempt goes, and what it says with the seconds before each word."""
    plot = rng.choices(list(_PLOTS), list(_PLOTS.values()))[0]
    words: list[Message] = []
    for stage in progress.STAGES:
        words.append(progress.StageStarted(stage=stage))
        words += [
            progress.StageProgressed(stage=stage, fraction=rng.random(), message="on")
            for _ in range(rng.randint(0, 4))
        ]
        words += [_model(rng) for _ in range(rng.randint(0, 2))]
        words.append(progress.StageCompleted(stage=stage, summary="done"))
    if plot in {"crashes", "out of memory", "hangs"}:
        del words[rng.randint(1, len(words)) :]
    elif plot in {"fails", "gives up"}:
        words.append(progress.Failed(reason=plot, message="no", retryable=plot == "fails"))
    else:
        words.append(_success())
    pace_s = rng.choice((0.02, 0.2, 0.6))
    paced = [(rng.expovariate(1 / pace_s), word) for word in words]
    if rng.random() < 0.25:
        at = rng.randrange(len(paced))
        paced[at] = (rng.uniform(15, 50), paced[at][1])
    return plot, paced


def _model(rng: random.Random) -> Message:
    score = round(rng.random(), 1)
    return progress.ModelEvaluated(
        model="m", metric="auc", maximize=True, score=score, fold_scores=(score, score)
    )


def _success() -> Message:
    return progress.Succeeded(
        competition="c", task="binary", metric="auc", maximize=True, score=0.5, fold_scores=(0.5,),
        artifacts=("submission.csv", "report.html"),
    )  # fmt: skip


class SimSandbox:
    """An agent at work; it goes on whatever becomes of its executor's process."""

    def __init__(self, machine: Machine, job_id: str, attempt: int, *, nonce: str) -> None:
        self._machine = machine
        self._job_id, self._attempt = job_id, attempt
        self.exit: Exit | None = None
        self.was_not_removed = False
        self._nonce = nonce
        self._news = asyncio.Event()
        self.plot, words = script(machine.rng)
        self.said: list[Message] = []
        self._timers: list[asyncio.TimerHandle] = []
        at_s = 0.0
        for wait_s, word in words:
            at_s += wait_s
            self._after(at_s, lambda word=word: self._say(word))
        if self.plot not in {"hangs", "lingers"}:
            code = {"crashes": 1, "out of memory": _KILLED}.get(self.plot, 0)
            self._after(at_s + 0.1, lambda: self.end(code))

    @property
    def job_id(self) -> str:
        """See `Remains.job_id`."""
        return self._job_id

    @property
    def attempt(self) -> int:
        """See `Remains.attempt`."""
        return self._attempt

    def end(self, code: int = _KILLED) -> None:
        """The process ends, if it has not."""
        if self.exit is None:
            self.exit = Exit(code=code, out_of_memory=self.plot == "out of memory" and code == _KILLED)
            for timer in self._timers:
                timer.cancel()
            self._news.set()

    async def lines(self) -> AsyncIterator[tuple[StreamName, bytes]]:
        """See `Sandbox.lines`."""
        number = 0
        while True:
            while number < len(self.said):
                word, number = self.said[number], number + 1
                yield "stdout", progress.encode_line(word, nonce=self._nonce, number=number).rstrip()
            if self.exit is not None:
                return
            self._news.clear()
            await self._news.wait()

    async def wait(self) -> Exit:
        """See `Sandbox.wait`."""
        assert self.exit is not None
        await self._machine.takes(0.01)
        return self.exit

    async def stop(self, *, at_once: bool = False) -> None:
        """See `Sandbox.stop`."""
        await self._machine.takes(self._machine.rng.choice((0.05, 4.0)), may_fail=True)
        self.end()

    async def used_bytes(self) -> int:
        """See `Sandbox.used_bytes`."""
        return 0

    async def read(self, name: str, *, bytes_max: int) -> bytes:
        """See `Sandbox.read`."""
        await self._machine.takes(0.02, may_fail=True)
        if self.plot == "empty":
            raise FileMissingError(name)
        return f"{name} of {self._job_id}/{self._attempt}".encode()

    async def adopt(self) -> Adopted:
        """See `Remains.adopt`."""
        await self._machine.takes(0.02, may_fail=True)
        return Adopted(sandbox=self, nonce=self._nonce)

    async def remove(self) -> None:
        """See `Remains.remove`."""
        try:
            await self._machine.takes(0.05, may_fail=True)
        except SandboxError:
            self.was_not_removed = True
            raise
        self.end()
        if self in self._machine.sandboxes:
            self._machine.sandboxes.remove(self)

    def _say(self, word: Message) -> None:
        self.said.append(word)
        self._news.set()

    def _after(self, delay_s: float, act: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(delay_s, act, context=contextvars.Context()))


class Machine:
    """Where one executor's sandboxes run; a `services.executor.runtime.Runtime`."""

    def __init__(self, rng: random.Random, faults: set[Fault], checker: Checker, *, executor: str) -> None:
        self.rng = rng
        self.executor = executor
        self.sandboxes: list[SimSandbox] = []
        self._faults = faults
        self._checker = checker

    @property
    def facts(self) -> Facts:
        """See `Runtime.facts`."""
        return Facts(runtime="simulated", cpus=1.0, memory_bytes=2**30, outlives=True)

    async def ping(self) -> None:
        """See `Runtime.ping`."""
        await self.takes(0.01, may_fail=True)

    async def start(self, spec: SandboxSpec) -> SimSandbox:
        """See `Runtime.start`."""
        await self.takes(0.3, may_fail=True)
        self._checker.sandbox_starts(self.executor, spec.job_id, spec.attempt)
        sandbox = SimSandbox(self, spec.job_id, spec.attempt, nonce=spec.variables[progress.NONCE_VARIABLE])
        self.sandboxes.append(sandbox)
        self._checker.sandboxes[spec.job_id, spec.attempt] = sandbox
        await self.takes(0.1)
        return sandbox

    async def find(self) -> list[SimSandbox]:
        """See `Runtime.find`."""
        await self.takes(0.05)
        return list(self.sandboxes)

    async def takes(self, mean_s: float, *, may_fail: bool = False) -> None:
        """Let time pass; what was asked for may then fail."""
        await asyncio.sleep(self.rng.expovariate(1 / mean_s))
        if may_fail and "runtime" in self._faults and self.rng.random() < 0.03:
            raise SandboxError("simulated_trouble", "no", retryable=True)

    def crash(self) -> None:
        """The machine dies, and all sandboxes with it."""
        for sandbox in self.sandboxes:
            sandbox.end()
        self.sandboxes.clear()


class SimStore:
    """A `services.executor.collection.Store`: digests by key."""

    def __init__(self, rng: random.Random, faults: set[Fault], files: dict[str, str]) -> None:
        self._rng = rng
        self._faults = faults
        self._files = files

    async def put(self, *, job_id: str, attempt: int, name: str, data: bytes) -> Artifact:
        """See `Store.put`."""
        await asyncio.sleep(self._rng.expovariate(1 / 0.05))
        if "store" in self._faults and self._rng.random() < 0.2:
            raise ArtifactError("no")
        digest = hashlib.sha256(data).hexdigest()
        key = f"{job_id}/{attempt}/{name}"
        self._files[key] = digest
        return Artifact(name=name, key=key, bytes=len(data), sha256=digest)
