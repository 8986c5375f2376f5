"""Says every `HEARTBEAT_S` that this executor lives, and how full: long silence is taken for its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from nats.errors import Error as NatsError

from events import subjects
from services.presence import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.client import Client

    from services.presence import Heartbeat

_FLUSH_S: Final = 1

_log = structlog.get_logger(__name__)


async def beat(connection: Client, told: Callable[[], Heartbeat]) -> None:
    """Publish for ever, on core NATS: nothing is stored, and what is missed is not made up for."""
    while True:
        await say(connection, told())
        await asyncio.sleep(subjects.HEARTBEAT_S)


async def say_last(connection: Client, told: Heartbeat) -> None:
    """Publish once and wait until it is with the server, or a little while: the connection closes next."""
    await say(connection, told)
    try:
        if connection.is_connected:
            await connection.flush(timeout=_FLUSH_S)
    except (NatsError, OSError) as error:
        _log.warning("heartbeat_missed", error=repr(error))


async def say(connection: Client, told: Heartbeat) -> None:
    """Publish once, where somebody can hear it."""
    # A client that is cut off would keep the beats and send them all later.
    if connection.is_connected:
        try:
            await connection.publish(subjects.heartbeat_of(told.executor), encode(told))
        except (NatsError, OSError) as error:
            _log.warning("heartbeat_missed", error=repr(error))
