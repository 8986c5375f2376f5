"""The projector's shell: follow the log from the checkpoint on and fold each batch into the table.

Neither server's outage ends it: a batch is kept until the table has taken it, and the log is followed on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import structlog

from services.projector.table import RewoundError, TableUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from events.log import Batch, Log
    from events.recorded import Recorded

_RETRY_S: Final = 0.25
_RETRY_MAX_S: Final = 10.0
_REPORT_EVERY: Final = 10_000

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


class Table(Protocol):
    """What the rows are kept in; `services.projector.table.JobTable` says what each promises."""

    async def checkpoint(self) -> int: ...  # noqa: D102

    async def fold_in(self, records: Sequence[Recorded], *, after: int) -> int: ...  # noqa: D102


class Projector:
    """One projector; any number of them may share a table."""

    def __init__(self, log: Log, table: Table) -> None:
        self._events = log
        self._table = table
        self._unreported = 0
        self._caught_up = False

    async def run(self) -> None:
        """Project for ever; returns only by cancellation."""
        while True:
            after = await _insist(self._table.checkpoint)
            _log.info("projecting", after=after)
            try:
                await self._follow(after)
            except RewoundError as error:
                _log.warning("projection_rewound", reason=str(error))

    async def _follow(self, after: int) -> None:
        async for batch in self._events.follow(after=after):
            if batch.records:
                after = await self._fold_in(batch, after)
            self._report(batch, after)

    async def _fold_in(self, batch: Batch, after: int) -> int:
        return await _insist(lambda: self._table.fold_in(batch.records, after=after))

    def _report(self, batch: Batch, at: int) -> None:
        """A line now and then, not one an event."""
        self._unreported += len(batch.records)
        if self._unreported >= _REPORT_EVERY or batch.caught_up > self._caught_up:
            _log.info("projected", events=self._unreported, sequence=at, caught_up=batch.caught_up)
            self._unreported = 0
        self._caught_up = self._caught_up or batch.caught_up


async def _insist(ask: Callable[[], Awaitable[_T]]) -> _T:
    """Ask until the table answers, ever more slowly."""
    wait_s = _RETRY_S
    while True:
        try:
            return await ask()
        except TableUnavailableError as error:
            _log.warning("postgres_unavailable", error=str(error), retry_in_s=wait_s)
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, _RETRY_MAX_S)
