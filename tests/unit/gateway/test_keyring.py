"""The keyring ends when it is told to, whatever becomes of the cancellation on its way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from services.gateway.keyring import Keyring
from services.key_store import KeyStoreError
from services.running import utc_now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Store:
    """Loses a cancellation as a client may: to an error of its own clean-up, or to what came just then."""

    def __init__(self, loses_it_to: str) -> None:
        self._loses_it_to = loses_it_to
        self.followed = asyncio.Event()

    async def follow(self, *, quiet_s_max: float) -> AsyncIterator[dict[str, object]]:
        while True:
            self.followed.set()
            try:
                await asyncio.sleep(quiet_s_max)
            except asyncio.CancelledError:
                if self._loses_it_to == "an error":
                    raise KeyStoreError("the connection is closed") from None
            yield {}


@pytest.mark.parametrize("loses_it_to", ["an error", "news"])
async def test_a_lost_cancellation_ends_it_all_the_same(loses_it_to: str) -> None:
    store = Store(loses_it_to)
    running = asyncio.create_task(Keyring(lambda: store, utc_now, lambda: None).run())  # type: ignore[arg-type,return-value]
    await store.followed.wait()
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=10)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    assert done
