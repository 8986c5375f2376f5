"""The projector's shell over a table that fails, and over one that was wound back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from events.log import JobAt, UnavailableError
from events.memory import MemoryLog
from events.recorded import Unreadable
from services.projector import folding, loop
from services.projector.loop import Projector
from services.projector.table import RewoundError, TableUnavailableError, UnfoldableError
from tests.history import requested

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.log import Extent
    from events.recorded import Recorded


class Aside:
    """Takes what is set aside, and refuses the first `failures` times."""

    def __init__(self, failures: int = 0) -> None:
        self.letters: list[tuple[int, str]] = []
        self._failures = failures

    async def set_aside(self, sequence: int, reason: str) -> None:
        if self._failures:
            self._failures -= 1
            raise UnavailableError("no answer")
        self.letters.append((sequence, reason))


class ListTable:
    """Sequences in a list; fails as often as it is told to, before or after it has stored."""

    def __init__(self) -> None:
        self.stored: list[int] = []
        self.failures: list[str] = []

    async def checkpoint(self, extent: Extent) -> int:
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
    monkeypatch.setattr(folding, "_RETRY_S", 0.001)


async def append(log: MemoryLog, jobs: range) -> None:
    for job in jobs:
        await log.append(requested(str(UUID(int=job))), expect=JobAt(sequence=0))


async def run_until(
    log: MemoryLog, table: ListTable, count: int, meanwhile=None, aside: Aside | None = None
) -> None:
    running = asyncio.create_task(Projector(log, table, aside or Aside()).run())
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


class SharedTable(ListTable):
    """Another projector is one event ahead: it folds that in while this one asks for the checkpoint."""

    def __init__(self, log: MemoryLog) -> None:
        super().__init__()
        self._events = log

    async def checkpoint(self, extent: Extent) -> int:
        await append(self._events, range(extent.last, extent.last + 1))
        self.stored.append(extent.last + 1)
        return await super().checkpoint(extent)


async def test_a_projector_that_is_ahead_is_no_sign_of_another_log() -> None:
    log = MemoryLog()
    table = SharedTable(log)
    with capture_logs() as logged:
        await run_until(log, table, 1, lambda: asyncio.sleep(0.01))
    assert [line["event"] for line in logged if line["log_level"] == "error"] == []


async def test_a_log_that_ends_before_the_rows_do_is_another_one() -> None:
    table = ListTable()
    table.stored = [1, 2, 3]
    log = MemoryLog()
    await append(log, range(2))
    with capture_logs() as logged:
        await run_until(log, table, 3, lambda: asyncio.sleep(0.01))
    assert [line["event"] for line in logged if line["log_level"] == "error"] == ["log_replaced"]
    assert table.stored == [1, 2, 3]


class PickyTable(ListTable):
    """Will not store what lies at some sequences, as long as it is an event."""

    def __init__(self, *refused: int) -> None:
        super().__init__()
        self._refused = refused

    async def fold_in(self, records: Sequence[Recorded], *, after: int) -> int:
        for record in records:
            if record.sequence in self._refused and not isinstance(record.event, Unreadable):
                raise UnfoldableError(f"not {record.sequence}")
        return await super().fold_in(records, after=after)


async def test_what_cannot_be_stored_is_set_aside_alone() -> None:
    log, table, aside = MemoryLog(), PickyTable(1, 500, 501, 1200), Aside(failures=3)
    await append(log, range(1200))
    await run_until(log, table, 1200, aside=aside)
    assert table.stored == list(range(1, 1201))
    assert aside.letters == [(place, f"not {place}") for place in (1, 500, 501, 1200)]


async def test_a_log_that_is_replaced_is_said_and_not_waited_for_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "_CHECK_EVERY", 2)
    monkeypatch.setattr(loop, "RETRY_MAX_S", 0.001)
    log, table = MemoryLog(), ListTable()
    await append(log, range(10))

    async def lose_the_end() -> None:
        del log._records[5:]
        with capture_logs() as lines:
            while not any(line["event"] == "log_replaced" for line in lines):
                await asyncio.sleep(0.01)
        (first, *_) = [line for line in lines if line["event"] == "log_replaced"]
        assert first["log_level"] == "error"
        assert first["reason"] == "the rows hold events up to 10, but the log ends at 5"
        assert "podium projection rebuild" in first["remedy"]

    await run_until(log, table, 10, lose_the_end)
