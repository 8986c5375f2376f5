"""The counts of the rate limits: in Redis for all gateways together, and here alone while Redis is away."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, TypeAlias

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from services.gateway.windows import WINDOW_S, Verdict, Windows

if TYPE_CHECKING:
    from services.gateway.windows import Policy

_ANSWER_S: Final = 0.3
_TRY_AGAIN_S: Final = 5.0

# `Windows.take` inside Redis, for one request after the other: one round trip, and nobody counts in between.
_TAKE: Final = """
local window = tonumber(ARGV[1])
local second = tonumber(redis.call('TIME')[1])
local verdicts = {}
for number, client in ipairs(KEYS) do
  local most = tonumber(ARGV[number + 1])
  local counts = redis.call('HGETALL', client)
  local used, oldest = 0, second
  for place = 1, #counts, 2 do
    local past = tonumber(counts[place])
    if past < second - window then
      redis.call('HDEL', client, counts[place])
    else
      used = used + tonumber(counts[place + 1])
      oldest = math.min(oldest, past)
    end
  end
  local allowed = 0
  if used < most then
    allowed = 1
    redis.call('HINCRBY', client, second, 1)
    redis.call('EXPIRE', client, window + 1)
  end
  verdicts[number] = {allowed, most - used - allowed, oldest + window + 1 - second}
end
return verdicts
"""

_log = structlog.get_logger(__name__)

_Asked: TypeAlias = "tuple[str, Policy, asyncio.Future[Verdict | None]]"


class Limits:
    """Counts requests; while Redis is away in counts of its own, which it says once; tries again every 5 s.

    With limits counted by each process alone, an outage of Redis makes them laxer, never the service stop.
    """

    def __init__(self, redis_url: str | None) -> None:
        self._here = Windows()
        self._away = False
        self._try_at = 0.0
        self._client = (
            None
            if redis_url is None
            else Redis.from_url(
                redis_url,
                socket_timeout=_ANSWER_S,
                socket_connect_timeout=_ANSWER_S,
                retry=Retry(NoBackoff(), 0),
            )
        )
        self._asked: list[_Asked] = []
        self._asking: set[asyncio.Task[None]] = set()
        self._take = None if self._client is None else self._client.register_script(_TAKE)

    async def close(self) -> None:
        """Drop the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def is_up(self) -> bool | None:
        """Whether Redis answers now; None where there is none."""
        if self._client is None:
            return None
        try:
            await self._client.ping()
        except (RedisError, OSError, TimeoutError):
            return False
        return True

    async def take(self, client: str, policy: Policy) -> Verdict:
        """Count a request of a client, unless it is one too many.

        What comes in within one turn of the event loop is asked together: a question to Redis costs this
        process more than all the rest of a limit.
        """
        if self._take is None or time.monotonic() < self._try_at:
            return self._taken_here(client, policy)
        loop = asyncio.get_running_loop()
        verdict: asyncio.Future[Verdict | None] = loop.create_future()
        if not self._asked:
            loop.call_soon(self._ask)
        self._asked.append((client, policy, verdict))
        return await verdict or self._taken_here(client, policy)

    def _taken_here(self, client: str, policy: Policy) -> Verdict:
        return self._here.take(f"{policy.name}:{client}", policy, second=int(time.monotonic()))

    def _ask(self) -> None:
        asked, self._asked = self._asked, []
        asking = asyncio.create_task(self._answer(asked))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)

    async def _answer(self, asked: list[_Asked]) -> None:
        """Tell each of them its verdict; None where Redis has none, whatever happens."""
        assert self._take is not None
        verdicts: list[Verdict | None] = [None] * len(asked)
        try:
            answers = await self._take(
                keys=[f"podium:limit:{policy.name}:{client}" for client, policy, _ in asked],
                args=[WINDOW_S, *(policy.most for _, policy, _ in asked)],
            )
            verdicts = [_verdict(*answer) for answer in answers]
            self._found()
        except (RedisError, OSError, TimeoutError) as error:
            self._lost(error)
        finally:
            for (_, _, told), verdict in zip(asked, verdicts, strict=True):
                if not told.done():  # Its client has gone.
                    told.set_result(verdict)

    def _lost(self, error: Exception) -> None:
        self._try_at = time.monotonic() + _TRY_AGAIN_S
        if not self._away:
            self._away = True
            _log.warning("redis_away", error=type(error).__name__, meaning="limits are counted per process")

    def _found(self) -> None:
        if self._away:
            self._away = False
            _log.info("redis_back")


def _verdict(allowed: int, left: int, more_in_s: int) -> Verdict:
    """A limit that was lowered leaves more counted than it allows."""
    return Verdict(allowed=bool(allowed), left=max(0, left), more_in_s=more_in_s)
