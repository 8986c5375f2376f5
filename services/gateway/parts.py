"""What the gateway is made of: built without I/O, opened and closed with the app."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import structlog
from litestar.di import NamedDependency

from events.cancellation import heed_cancel
from events.log import UnavailableError
from services.attendance import Attendance
from services.gateway.hub import Hub
from services.gateway.jobs_table import JobsTable
from services.gateway.keyring import Keyring
from services.gateway.limits import Limits
from services.gateway.link import NatsLink
from services.gateway.metrics import Metrics
from services.gateway.owners import Owners
from services.running import utc_now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from litestar import Request

    from events.recorded import Recorded
    from services.gateway.settings import Settings

_FOLLOW_AGAIN_S: Final = 0.5
_STOP_S: Final = 3.0

_log = structlog.get_logger(__name__)


class Parts:
    """The collaborators of all handlers."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.link = NatsLink(
            settings.nats_url,
            source=f"podium/gateway/{socket.gethostname()}",
            replicas=settings.nats_replicas,
            tls=settings.nats_tls,
        )
        self.table = JobsTable(settings.database_url)
        self.metrics = Metrics()
        self.executors = Attendance(time.monotonic)
        self.keyring = Keyring(self.link.keys, utc_now, self._end_streams)
        self.owners = Owners(self.link, self.table)
        self.hub = Hub(self.link, last_sequence=self.link.last_sequence, observe=self._observe)
        self.limits = Limits(settings.redis_url)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything open; the connection to NATS is made in the background, whenever that may be."""
        await self.table.open()
        if self.settings.is_open_to_all:
            _log.warning(
                "open_to_all", host=self.settings.host, meaning="whoever reaches it may do everything"
            )
        following = asyncio.create_task(self._follow(), name="follow")
        following.add_done_callback(self._followed)
        tasks = {following}
        if self.settings.keys_required:
            tasks.add(asyncio.create_task(self._follow_keys(), name="keys"))
        try:
            yield
        finally:
            self.hub.close()
            for task in tasks:
                task.cancel()
            # With a limit: on Python 3.11 a cancellation can get lost inside the NATS client.
            await asyncio.wait(tasks, timeout=_STOP_S)
            await self.link.close()
            await self.table.close()
            await self.limits.close()

    def _observe(self, record: Recorded) -> None:
        self.metrics.events.observe(record)
        self.owners.learn(record)

    def _end_streams(self) -> None:
        self.hub.end_without(self.keyring.counts)

    async def _follow_keys(self) -> None:
        await self.link.there()
        await self.keyring.run()

    def _followed(self, task: asyncio.Task[None]) -> None:
        """A follower never ends by itself: should a bug end it, streams must not go on in silence."""
        if not task.cancelled():
            _log.error("follower_died", exc_info=task.exception())
            self.hub.close()

    async def _follow(self) -> None:
        await self.link.open()
        _log.info("nats_connected")
        listening = False
        while True:
            try:
                if not listening:
                    await self.link.on_heartbeat(self.executors.heard)
                    listening = True
                await self.hub.run()
            except UnavailableError as error:
                heed_cancel()
                _log.warning("hub_waits", error=str(error), retry_in_s=_FOLLOW_AGAIN_S)
                await asyncio.sleep(_FOLLOW_AGAIN_S)


def parts_of(request: Request[Any, Any, Any]) -> Parts:
    """Those of the app that a request came to."""
    parts: Parts = request.app.state.parts
    return parts


GivenParts: TypeAlias = NamedDependency[Parts]
"""How a handler asks for them, as its argument `parts`."""
