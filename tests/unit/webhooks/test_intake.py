"""The intake ends when it is told to, also where an error of the client took the cancellation's place."""

from __future__ import annotations

import asyncio
from typing import Any

from nats.errors import ConnectionClosedError

from events.memory import MemoryLog
from services.running import utc_now
from services.webhooks.intake import Intake


class Client:
    """A connection, its JetStream and a subscription at once; it is closed while somebody fetches."""

    def __init__(self) -> None:
        self.fetching = asyncio.Event()

    def jetstream(self, **_: Any) -> Client:
        return self

    async def add_consumer(self, *_: Any) -> None:
        """There is one."""

    async def pull_subscribe_bind(self, **_: Any) -> Client:
        return self

    async def fetch(self, *_: Any, timeout: float) -> None:
        self.fetching.set()
        await asyncio.sleep(timeout)

    async def unsubscribe(self) -> None:
        raise ConnectionClosedError


async def test_a_cancellation_that_is_lost_ends_it_all_the_same() -> None:
    client: Any = Client()
    running = asyncio.create_task(Intake(client, MemoryLog(), client, utc_now).run())
    await client.fetching.wait()
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=10)
    running.cancel()
    assert done
