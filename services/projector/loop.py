"""The projector's shell: follow the log from the checkpoint on and fold each batch into the table."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from events.log import Log
from services.projector.folding import RETRY_MAX_S, Folding, insist
from services.projector.position import REMEDY, LogReplacedError, Position, check
from services.projector.table import RewoundError

if TYPE_CHECKING:
    from events.log import Batch, Extent
    from services.projector.folding import Aside, Table

_REPORT_EVERY: Final = 10_000
_CHECK_EVERY: Final = 40
"""Empty batches, four a second: a log that is replaced while it is followed falls silent."""

_log = structlog.get_logger(__name__)


class History(Log, Protocol):
    """A log that says where it ends."""

    async def extent(self) -> Extent: ...  # noqa: D102


class Projector:
    """One projector; any number of them may share a table."""

    def __init__(self, log: History, table: Table, aside: Aside) -> None:
        self._events = log
        self._table = table
        self._folding = Folding(table, aside)
        self._unreported = 0
        self._caught_up = False

    async def run(self) -> None:
        """Project for ever; returns only by cancellation."""
        while True:
            try:
                extent = await insist(self._events.extent)
                after = await insist(partial(self._table.checkpoint, extent))
                # Asked for anew: another projector may have gone past the end that was there before.
                check(Position(sequence=after, log=extent.identity), await insist(self._events.extent))
                _log.info("projecting", after=after, log=extent.identity)
                await self._follow(after, extent)
            except RewoundError as error:
                _log.warning("projection_rewound", reason=str(error))
            except LogReplacedError as error:
                _log.error("log_replaced", reason=str(error), remedy=REMEDY, retry_in_s=RETRY_MAX_S)
                await asyncio.sleep(RETRY_MAX_S)

    async def _follow(self, after: int, begun: Extent) -> None:
        silent = 0
        async for batch in self._events.follow(after=after):
            silent = 0 if batch.records else silent + 1
            if batch.records:
                after = await self._folding.fold(batch.records, after=after)
            if silent % _CHECK_EVERY == _CHECK_EVERY - 1:
                check(Position(sequence=after, log=begun.identity), await insist(self._events.extent))
            self._report(batch, after)

    def _report(self, batch: Batch, at: int) -> None:
        """A line now and then, not one an event."""
        self._unreported += len(batch.records)
        if self._unreported >= _REPORT_EVERY or batch.caught_up > self._caught_up:
            _log.info("projected", events=self._unreported, sequence=at, caught_up=batch.caught_up)
            self._unreported = 0
        self._caught_up = self._caught_up or batch.caught_up
