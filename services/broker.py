"""A connection to NATS that waits for the server to come up and be ready, and reconnects for ever after."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import nats
import structlog
from nats.errors import Error as NatsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.aio.client import Client

_RETRY_S: Final = 0.5

_log = structlog.get_logger(__name__)


async def _nothing() -> None:
    """The default of `connect`'s `on_reconnect`."""


async def connect(url: str, *, name: str, on_reconnect: Callable[[], Awaitable[None]] = _nothing) -> Client:
    """Connect as `name`, trying until it works; `on_reconnect` is awaited after each outage."""

    async def on_error(error: Exception) -> None:
        _log.warning("nats_error", error=repr(error))

    async def on_disconnect() -> None:
        _log.warning("nats_disconnected")

    async def reconnected() -> None:
        _log.info("nats_reconnected")
        await on_reconnect()

    while True:
        try:
            return await nats.connect(
                url,
                name=name,
                max_reconnect_attempts=-1,
                reconnect_time_wait=_RETRY_S,
                error_cb=on_error,
                disconnected_cb=on_disconnect,
                reconnected_cb=reconnected,
            )
        except (NatsError, OSError, TimeoutError) as error:
            _log.warning("nats_unreachable", error=repr(error), retry_in_s=_RETRY_S)
            await asyncio.sleep(_RETRY_S)


async def insist(prepare: Callable[[], Awaitable[object]]) -> None:
    """Do what a service needs done in JetStream before it can work, trying until the server is able to.

    A server takes connections before its JetStream is there, and a cluster before it has a leader.
    """
    while True:
        try:
            await prepare()
        except (NatsError, OSError, TimeoutError) as error:
            _log.warning("jetstream_not_ready", error=repr(error), retry_in_s=_RETRY_S)
            await asyncio.sleep(_RETRY_S)
        else:
            return
