"""A follower that keeps up touches its file, also while nothing happens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from events.jetstream import ensure_stream
from services.pulse import PulsingLog

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import NatsServer


async def test_each_batch_is_a_touch_once_it_was_dealt_with(nats_server: NatsServer, tmp_path: Path) -> None:
    file = tmp_path / "pulse"
    async with nats_server.connection() as connection, asyncio.timeout(10):
        await ensure_stream(connection.jetstream())
        feed = PulsingLog(connection, source="test", file=file).follow(after=10**9)
        await anext(feed)
        assert not file.exists(), "the first batch is not dealt with yet"
        await anext(feed)
        assert file.exists()
        await feed.aclose()
