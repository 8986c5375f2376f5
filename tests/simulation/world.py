"""One simulated history, from a seed and a shape: chaos, then calm, then the end of every job."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec
import structlog

from events.live import LiveState
from services.presence import decode
from services.scheduler.rules import Rules
from tests.simulation.broker import Broker
from tests.simulation.chaos import calm, rage
from tests.simulation.invariants import Checker
from tests.simulation.nodes import ExecutorNode, GatewayNode, Node, ProjectorNode, SchedulerNode
from tests.simulation.projection import SimTable, check_rows
from tests.simulation.violation import Violation, check
from tests.simulation.virtual import Process, VirtualLoop

if TYPE_CHECKING:
    from events.recorded import Recorded
    from tests.simulation.sandboxes import SimSandbox
    from tests.simulation.shape import Fault, Shape

CALM_S: Final = 900.0
"""How long all jobs may take to end once the faults are over."""
TOLD_S: Final = 20.0
"""How long an executor that is well may let a sandbox run whose attempt is over in the log."""
DELAYS_S: Final = (6.0, 12.0)
HANDOVER_S: Final = 30.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A history: how much happened in it, what went wrong, and a digest of every event and its time."""

    steps: int
    simulated_s: float
    records: tuple[Any, ...]
    digest: str
    struck: dict[str, int]
    events: dict[str, int]
    violation: Violation | None


class World:
    """Everything there is; `run` may be called once."""

    def __init__(self, seed: int, shape: Shape) -> None:
        self.shape = shape
        self.rng = random.Random(seed)
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(self._unhandled)
        self.rules = Rules(running_max=shape.running_max, retry_delays_s=DELAYS_S, handover_s=HANDOVER_S)
        self.checker = Checker(self.rules, self.broken)
        self.broker = Broker(self.loop, self.checker.stored)
        self.faults: set[Fault] = set(shape.faults)
        self.unheard: set[str] = set()
        self.snapshot = LiveState()
        self.struck: Counter[str] = Counter()
        self.processes: list[Process] = []
        self.table = SimTable(self.rng, self.faults)
        self.schedulers = [SchedulerNode(self, f"s{number}") for number in range(shape.schedulers)]
        self.executors = [ExecutorNode(self, f"e{number}") for number in range(shape.executors)]
        projectors = [ProjectorNode(self, f"p{number}") for number in range(2)]
        self.nodes: list[Node] = [*self.schedulers, *self.executors, *projectors]
        self.gateway = GatewayNode(self, "g")
        self.is_over = False
        self._violation: Violation | None = None
        self._broken = self.loop.create_future()

    def run(self) -> Outcome:
        """Let the history happen; a `Violation` ends it and is in its outcome."""
        try:
            self.loop.run_until_complete(self._until_broken())
            steps, now_s = self.loop.steps, self.loop.time()
        finally:
            self.loop.run_until_complete(self._dispose())
            self.loop.close()
        return Outcome(
            steps=steps,
            simulated_s=now_s,
            records=tuple(self.broker.records),
            digest=_digest(self.broker.records),
            struck=dict(self.struck),
            events=dict(self.checker.counts),
            violation=self._violation,
        )

    def broken(self, violation: Violation) -> None:
        """An invariant does not hold: the first one ends the history."""
        if not self.is_over and self._violation is None:
            self._violation = violation
            self._broken.set_result(None)

    def broadcast(self, payload: bytes) -> None:
        """Send a heartbeat on to every scheduler and executor."""
        beat = decode(payload)
        for node in self.schedulers:
            node.link.send(lambda node=node: node.hear(beat))
        for node in self.executors:
            node.link.send(lambda node=node: node.hear(payload))

    async def _until_broken(self) -> None:
        story = asyncio.ensure_future(self._story())
        await asyncio.wait({story, self._broken}, return_when=asyncio.FIRST_COMPLETED)
        if self._violation is None:
            try:
                story.result()
            except Violation as violation:
                self.broken(violation)

    async def _story(self) -> None:
        for node in self.nodes:
            self.loop.call_later(self.rng.uniform(0, 5), node.boot)
        self._plan_requests()
        raging = asyncio.ensure_future(rage(self))
        watching = asyncio.ensure_future(self._watch_sandboxes())
        await asyncio.sleep(self.shape.chaos_s)
        if raging.done():
            raging.result()
        raging.cancel()
        calm(self)
        await self._quiet()
        watching.cancel()

    def _plan_requests(self) -> None:
        rng = self.rng
        for _ in range(self.shape.jobs):
            job_id = str(UUID(int=rng.getrandbits(128)))
            at_s = rng.uniform(0, self.shape.chaos_s)
            source = "local" if rng.random() < 0.05 else "kaggle"
            self.loop.call_later(at_s, self.gateway.submit, job_id, source)
            if rng.random() < 0.25:
                self.loop.call_later(at_s + rng.expovariate(1 / 15), self.gateway.cancel, job_id)

    async def _quiet(self) -> None:
        """Wait for what must come: the end of every job and every sandbox, and rows of all of it."""
        deadline = self.loop.time() + CALM_S
        while not self._is_quiet() and self.loop.time() < deadline:
            await asyncio.sleep(1)
        open_jobs = {job_id: job for job_id, job in self.checker.jobs.items() if not job.ended}
        check("no job is lost", not open_jobs, f"still open: {open_jobs}")
        check("no sandbox is left", not self._sandboxes_left(), f"{self._sandboxes_left()}")
        check("the projection follows", self.table.at == len(self.broker.records), f"{self.table.at}")
        check_rows(self.table, self.broker.records, self.checker)

    def _is_quiet(self) -> bool:
        followed = self.table.at == len(self.broker.records)
        return self.checker.all_ended and not self._sandboxes_left() and followed

    def _sandboxes_left(self) -> list[tuple[str, str, int]]:
        return [
            (node.name, sandbox.job_id, sandbox.attempt)
            for node in self.executors
            for sandbox in node.machine.sandboxes
            if sandbox.exit is None
        ]

    async def _watch_sandboxes(self) -> None:
        """See that an executor that is well ends what is over."""
        since: dict[SimSandbox, float] = defaultdict(self.loop.time)
        while True:
            await asyncio.sleep(2)
            for node in self.executors:
                for sandbox in node.machine.sandboxes:
                    over = self.checker.is_over(sandbox.job_id, sandbox.attempt)
                    if not over or not node.is_well or sandbox.exit or sandbox.was_not_removed:
                        since.pop(sandbox, None)
                    elif self.loop.time() - since[sandbox] > TOLD_S:
                        what = f"attempt {sandbox.attempt} of {sandbox.job_id} runs on at {node.name}"
                        self.broken(Violation("what is over is stopped", what))

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        violation = error if isinstance(error, Violation) else Violation("no bug", f"{context}")
        self.broken(violation)

    async def _dispose(self) -> None:
        """End every task, also of the dead, so that none is left to the garbage collector."""
        self.is_over = True
        for node in [*self.nodes, self.gateway]:
            node.link.fail("cut")
        for process in self.processes:
            process.bury()
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=1)
        await self.loop.shutdown_asyncgens()


def simulate(seed: int, shape: Shape) -> Outcome:
    """The history of a seed, with the shells' own logging off."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        return World(seed, shape).run()
    finally:
        structlog.configure(**before)


def _digest(records: list[Recorded]) -> str:
    return hashlib.sha256(msgspec.json.encode(records)).hexdigest()
