"""What the gateway is made of: built without I/O, opened and closed with the app."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Final, TypeAlias

import structlog
from litestar.di import NamedDependency
from litestar.stores.memory import MemoryStore

from events.log import UnavailableError
from services.gateway.hub import Hub
from services.gateway.jobs_table import JobsTable
from services.gateway.limits import RedisOrMemory
from services.gateway.link import NatsLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from litestar.stores.base import Store

    from services.gateway.settings import Settings

_FOLLOW_AGAIN_S: Final = 0.5

_log = structlog.get_logger(__name__)


class Parts:
    """The collaborators of all handlers; `redis` is None where no REDIS_URL is set."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.link = NatsLink(
            settings.nats_url,
            source=f"podium/gateway/{socket.gethostname()}",
            replicas=settings.nats_replicas,
        )
        self.table = JobsTable(settings.database_url)
        self.hub = Hub(self.link, last_sequence=self.link.last_sequence)
        self.redis = RedisOrMemory(settings.redis_url) if settings.redis_url else None
        self.counts: Store = self.redis or MemoryStore()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything open; the connection to NATS is made in the background, whenever that may be."""
        await self.table.open()
        following = asyncio.create_task(self._follow(), name="follow")
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            self.hub.close()
            await self.link.close()
            await self.table.close()
            if self.redis is not None:
                await self.redis.close()

    async def _follow(self) -> None:
        await self.link.open()
        _log.info("nats_connected")
        while True:
            try:
                await self.hub.run()
            except UnavailableError as error:
                _log.warning("hub_waits", error=str(error), retry_in_s=_FOLLOW_AGAIN_S)
                await asyncio.sleep(_FOLLOW_AGAIN_S)


GivenParts: TypeAlias = NamedDependency[Parts]
"""How a handler asks for them, as its argument `parts`."""
