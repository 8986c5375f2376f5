"""Says every `HEARTBEAT_S` that this executor lives: a scheduler takes long silence for its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import structlog
from nats.errors import Error as NatsError

from events import subjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.client import Client

_log = structlog.get_logger(__name__)


async def beat(
    connection: Client,
    *,
    executor: str,
    slots: int,
    running: Callable[[], int],
    left_over: Callable[[], int],
) -> None:
    """Publish for ever, on core NATS: nothing is stored, and what is missed is not made up for."""
    subject = subjects.heartbeat_of(executor)
    while True:
        # A client that is cut off would keep the beats and send them all later.
        if connection.is_connected:
            told = {"executor": executor, "running": running(), "slots": slots, "left_over": left_over()}
            payload = msgspec.json.encode(told)
            try:
                await connection.publish(subject, payload)
            except (NatsError, OSError) as error:
                _log.warning("heartbeat_missed", error=repr(error))
        await asyncio.sleep(subjects.HEARTBEAT_S)
