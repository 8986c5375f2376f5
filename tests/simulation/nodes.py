"""The processes of the simulated world: the real shells, built as their `__main__` builds them."""

from __future__ import annotations

import asyncio
import contextvars
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from events.catalogue import JobRequested
from events.live import LiveJobs
from events.log import JobAt, LogError
from events.recorded import Unreadable
from services.attendance import Attendance
from services.environment import Environment
from services.executor import heartbeat
from services.executor.loop import Executor
from services.executor.settings import read
from services.gateway.cancel import request_cancel
from services.gateway.problems import Problem
from services.projector.loop import Projector
from services.scheduler.loop import Scheduler
from services.scheduler.roster import Roster
from tests.simulation.broker import Port
from tests.simulation.network import Link
from tests.simulation.sandboxes import Machine, SimStore
from tests.simulation.violation import Violation
from tests.simulation.virtual import Process

if TYPE_CHECKING:
    from nats.aio.client import Client

    from services.executor.settings import Settings
    from services.presence import Heartbeat
    from tests.simulation.world import World

_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
_LIMIT_S: Final = 75.0
_SNAPSHOT_EVERY: Final = 20
DRAIN_S: Final = 10.0


class Node:
    """A place where a process runs, one after another; its link and its clock's error outlive them."""

    role = ""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self.world = world
        self.link = Link(world.loop, world.rng)
        self.clock_error_s = world.rng.uniform(-world.shape.skew_s, world.shape.skew_s)
        self.port = self._new_port()
        self.process = Process(world.loop, name)
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def is_well(self) -> bool:
        """It runs, and hears the newest there is."""
        return self.process.runs and not self._stopping and self.link.state == "up" and not self.link.lag_s

    def clock(self) -> datetime:
        """The time, as this machine has it."""
        return _EPOCH + timedelta(seconds=self.world.loop.time() + self.clock_error_s)

    def boot(self) -> None:
        """Start the process, where there is none."""
        if self._task is not None:
            return
        self.process = Process(self.world.loop, self.name)
        self.world.processes.append(self.process)
        self.port = self._new_port()
        self._stopping = False
        self._task = self.process.start(self.main())
        self._task.add_done_callback(self._ended, context=contextvars.Context())

    def kill(self) -> None:
        """End it as by SIGKILL."""
        self.process.kill()
        self.port.close()
        self._task = None

    def stop(self) -> None:
        """Ask it to end, as SIGTERM does."""
        if self._task is not None:
            self._stopping = True
            self.process.call(self._task.cancel)

    def heal(self) -> None:
        """Its link works again."""
        self.link.heal()

    async def main(self) -> None:
        """What the process does; a gateway, which only does what it is asked, is never booted."""
        raise AssertionError(f"{self.name} has nothing to run by itself")

    def _new_port(self) -> Port:
        return Port(
            self.world.broker,
            self.link,
            self.world.rng,
            self.world.faults,
            source=f"{self.role}/{self.name}",
            clock=self.clock,
        )

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self.world.is_over or self.process.dead:
            return
        self._task = None
        self.process.kill()
        if not self._stopping:
            error = None if task.cancelled() else task.exception()
            self.world.broken(Violation("the shells live on", f"{self.name} ended by itself: {error!r}"))


class SchedulerNode(Node):
    """A scheduler."""

    role = "scheduler"

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self._roster: Roster | None = None

    async def main(self) -> None:
        """As `services.scheduler.__main__.serve`."""
        self._roster = Roster(self.clock)
        self.world.checker.silence.listens(self.name, self.world.loop.time())
        rng = self.world.rng
        scheduler = Scheduler(
            self.port,
            self.world.rules,
            self._roster,
            clock=self.clock,
            chance=rng.random,
            jobs=LiveJobs(self.world.snapshot),
            seen=self._keep,
        )
        await scheduler.run()

    def _keep(self, jobs: LiveJobs, _caught_up: bool) -> None:
        """A snapshot now and then, in the place of the one before."""
        if jobs.sequence > self.world.snapshot.sequence + _SNAPSHOT_EVERY:
            self.world.snapshot = jobs.state

    def hear(self, beat: Heartbeat) -> None:
        """A heartbeat has arrived at this machine."""
        if self._task is not None and self._roster is not None:
            self.world.checker.silence.heard(self.name, beat.executor, self.world.loop.time())
            self.process.call(self._roster.heard, beat.executor, beat)

    def heal(self) -> None:
        """See `Node.heal`; a client that connects anew says so."""
        was_cut = self.link.state == "cut"
        super().heal()
        if was_cut and self._task is not None and self._roster is not None:
            self.world.checker.silence.listens(self.name, self.world.loop.time())
            self.process.start(self._roster.listen_afresh())


class _Heart:
    """What `heartbeat.beat` needs of a connection."""

    def __init__(self, node: ExecutorNode) -> None:
        self._node = node

    @property
    def is_connected(self) -> bool:
        return self._node.link.state != "cut"

    async def publish(self, subject: str, payload: bytes) -> None:
        node = self._node
        if node.name not in node.world.unheard:
            node.link.send(lambda: node.world.broadcast(payload))

    async def flush(self, timeout: int) -> None:
        """What was published is on its way."""


class ExecutorNode(Node):
    """An executor with its machine."""

    role = "executor"

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.machine = Machine(world.rng, world.faults, world.checker, executor=name)
        self._store = SimStore(world.rng, world.faults, world.checker.files)
        self._executor: Executor | None = None
        self._others: Attendance | None = None

    async def main(self) -> None:
        """As `services.executor.__main__.serve`."""
        settings = _settings(self.name, self.world.shape.slots)
        self._others = Attendance(self.world.loop.time)
        executor = Executor(
            self.port,
            self.machine,
            self._store,
            settings,
            clock=self.clock,
            others=self._others.alive,
            jobs=LiveJobs(self.world.snapshot),
        )
        self._executor = executor
        heart = cast("Client", _Heart(self))
        beating = asyncio.create_task(heartbeat.beat(heart, executor.told))
        try:
            await executor.run()
        finally:
            beating.cancel()
            await heartbeat.say_last(heart, executor.told(leaving=True))

    def hear(self, payload: bytes) -> None:
        """Another's heartbeat has arrived at this machine, or its own."""
        if self._task is not None and self._others is not None:
            self.process.call(self._others.heard, payload)

    def drain(self) -> None:
        """Ask it to end in its own time, as the first SIGTERM does."""
        if self._task is not None and self._executor is not None:
            self._stopping = True
            self.process.call(self._executor.drain)


class ProjectorNode(Node):
    """A projector."""

    role = "projector"

    async def main(self) -> None:
        """As `services.projector.__main__.serve`."""
        await Projector(self.port, self.world.table, self).run()

    async def set_aside(self, sequence: int, reason: str) -> None:
        """See `folding.Aside`."""
        if not isinstance(self.world.broker.records[sequence - 1].event, Unreadable):
            self.world.broken(Violation("all can be folded", f"event {sequence} was set aside: {reason}"))


class GatewayNode(Node):
    """A gateway, of which only the two things that write are here."""

    role = "gateway"

    def submit(self, job_id: str, source: Any) -> None:
        """Ask for a competition to be solved; a local one is refused by these executors."""
        event = JobRequested(job_id=job_id, competition="c", source=source, kaggle_url="u")
        self.process.start(self._trying(self.port.append(event, expect=JobAt(sequence=0))))

    def cancel(self, job_id: str) -> None:
        """Ask for a job to end."""
        self.process.start(self._trying(request_cancel(self.port, job_id)))

    async def _trying(self, request: Any) -> None:
        with suppress(LogError, Problem):
            await request


def _settings(executor: str, slots: int) -> Settings:
    variables = {
        "PODIUM_EXECUTOR_ID": executor,
        "PODIUM_SLOTS": str(slots),
        "PODIUM_ATTEMPT_LIMIT_S": str(_LIMIT_S),
        "PODIUM_DRAIN_S": str(DRAIN_S),
    }
    return read(Environment(variables))
