"""Where the counts of the rate limit are kept: Redis, and this process's memory while Redis is away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

import structlog
from litestar.stores.base import Store
from litestar.stores.memory import MemoryStore
from litestar.stores.redis import RedisStore
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import timedelta

_ANSWER_S: Final = 0.3
_TRY_AGAIN_S: Final = 5.0

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")


class RedisOrMemory(Store):
    """A store that falls back to memory, says so once an outage, and tries Redis again every 5 s.

    With a limit counted by each process alone, an outage of Redis makes the limit laxer, never the
    service stop.
    """

    def __init__(self, url: str) -> None:
        self._client = Redis.from_url(
            url, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S, retry=Retry(NoBackoff(), 0)
        )
        self._redis = RedisStore(self._client, namespace="PODIUM")
        self._memory = MemoryStore()
        self._away = False
        self._try_at = 0.0

    async def close(self) -> None:
        """Drop the connections."""
        await self._client.aclose()

    async def is_up(self) -> bool:
        """Whether Redis answers now."""
        try:
            await self._client.ping()
        except (RedisError, OSError, TimeoutError):
            return False
        return True

    async def set(self, key: str, value: str | bytes, expires_in: int | timedelta | None = None) -> None:
        """See `Store.set`."""
        await self._either(lambda store: store.set(key, value, expires_in))

    async def get(self, key: str, renew_for: int | timedelta | None = None) -> bytes | None:
        """See `Store.get`."""
        return await self._either(lambda store: store.get(key, renew_for))

    async def delete(self, key: str) -> None:
        """See `Store.delete`."""
        await self._either(lambda store: store.delete(key))

    async def delete_all(self) -> None:
        """See `Store.delete_all`."""
        await self._either(lambda store: store.delete_all())

    async def exists(self, key: str) -> bool:
        """See `Store.exists`."""
        return await self._either(lambda store: store.exists(key))

    async def expires_in(self, key: str) -> int | None:
        """See `Store.expires_in`."""
        return await self._either(lambda store: store.expires_in(key))

    async def _either(self, call: Callable[[Store], Awaitable[_T]]) -> _T:
        if time.monotonic() >= self._try_at:
            try:
                answer = await call(self._redis)
            except (RedisError, OSError, TimeoutError) as error:
                self._lost(error)
            else:
                self._found()
                return answer
        return await call(self._memory)

    def _lost(self, error: Exception) -> None:
        self._try_at = time.monotonic() + _TRY_AGAIN_S
        if not self._away:
            self._away = True
            _log.warning("redis_away", error=type(error).__name__, meaning="limits are counted per process")

    def _found(self) -> None:
        if self._away:
            self._away = False
            _log.info("redis_back")
