"""The projector's shell over a table that fails, and over one that was wound back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from events.log import JobAt
from events.memory import MemoryLog
from services.projector import loop
from services.projector.loop import Projector
from services.projector.table import RewoundError, TableUnavailableError
from tests.history import requested

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.recorded import Recorded


class ListTable:
    """Sequences in a list; fails as often as it is told to, before or after it has stored."""

    def __init__(self) -> None:
        self.stored: list[int] = []
        self.failures: list[str] = []

    async def checkpoint(self) -> int:
        self._fail("checkpoint")
        return len(self.stored)

    async def fold_in(self, records: Sequence[Recorded], *, after: int) -> int:
        self._fail("before")
        if len(self.stored) < after:
            raise RewoundError
        self.stored += [record.sequence for record in records if record.sequence > len(self.stored)]
        self._fail("after")
        return len(self.stored)

    def _fail(self, where: str) -> None:
        if self.failures and self.failures[0] == where:
            self.failures.pop(0)
            raise TableUnavailableError(where)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_RETRY_S", 0.001)


async def append(log: MemoryLog, jobs: range) -> None:
    for job in jobs:
        await log.append(requested(f"j{job}"), expect=JobAt(sequence=0))


async def run_until(log: MemoryLog, table: ListTable, count: int, meanwhile=None) -> None:
    running = asyncio.create_task(Projector(log, table).run())
    async with asyncio.timeout(5):
        while len(table.stored) < count:
            await asyncio.sleep(0.001)
        if meanwhile is not None:
            await meanwhile()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()


async def test_nothing_is_lost_or_told_twice_however_the_table_fails() -> None:
    log, table = MemoryLog(), ListTable()
    table.failures = ["checkpoint", "checkpoint", "before", "before", "after", "before", "after", "after"]
    await append(log, range(1200))
    await run_until(log, table, 1200)
    assert table.stored == list(range(1, 1201))
    assert table.failures == []


async def test_a_second_run_begins_at_the_checkpoint() -> None:
    log, table = MemoryLog(), ListTable()
    await append(log, range(10))
    await run_until(log, table, 10)
    await append(log, range(10, 20))
    await run_until(log, table, 20)
    assert table.stored == list(range(1, 21))


async def test_a_table_that_is_wound_back_is_filled_again() -> None:
    log, table = MemoryLog(), ListTable()
    await append(log, range(10))

    async def wind_back() -> None:
        table.stored.clear()
        await append(log, range(10, 12))
        while len(table.stored) < 12:
            await asyncio.sleep(0.001)

    await run_until(log, table, 10, wind_back)
    assert table.stored == list(range(1, 13))
