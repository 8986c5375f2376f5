"""Fold batches into a table whatever is in them: what cannot be folded is set aside, and the rest goes on.

Neither server's outage ends it: everything is asked for until it is done.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import structlog
from msgspec.structs import replace

from events.log import UnavailableError
from events.recorded import Unreadable
from services.projector.rows import keys_of, unfoldable
from services.projector.table import TableUnavailableError, UnfoldableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from events.log import Extent
    from events.recorded import Recorded

_RETRY_S: Final = 0.25
RETRY_MAX_S: Final = 10.0

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


class Table(Protocol):
    """What the rows are kept in; `services.projector.table.JobTable` says what each promises."""

    async def checkpoint(self, extent: Extent) -> int: ...  # noqa: D102

    async def fold_in(self, records: Sequence[Recorded], *, after: int) -> int: ...  # noqa: D102


class Aside(Protocol):
    """Where messages that cannot be folded go; `events.dead_letters.DeadLetters` says what it promises."""

    async def set_aside(self, sequence: int, reason: str) -> None: ...  # noqa: D102


class Folding:
    """Folds batches into a table, one after the other."""

    def __init__(self, table: Table, aside: Aside) -> None:
        self._table = table
        self._aside = aside

    async def fold(self, records: Sequence[Recorded], *, after: int) -> int:
        """Fold the events past `after` in, and return the checkpoint then.

        What cannot be folded is set aside before the checkpoint passes it.

        Raises:
            RewoundError: see `services.projector.table.JobTable.fold_in`.
        """
        for sequence, reason in unfoldable(records, keys_of(records)):
            await self._set_aside(sequence, reason)
        return await self._fold(records, after)

    async def _fold(self, records: Sequence[Recorded], after: int) -> int:
        """Where a batch cannot be stored, its halves are tried, down to the event that is in the way."""
        try:
            return await insist(lambda: self._table.fold_in(records, after=after))
        except UnfoldableError as error:
            if len(records) == 1:
                return await self._pass_over(records[0], str(error), after)
        half = len(records) // 2
        after = await self._fold(records[:half], after)
        return await self._fold(records[half:], after)

    async def _pass_over(self, record: Recorded, reason: str, after: int) -> int:
        await self._set_aside(record.sequence, reason)
        nobodys = Unreadable(job_id="", event_type=record.event_type, reason=reason)
        return await insist(lambda: self._table.fold_in([replace(record, event=nobodys)], after=after))

    async def _set_aside(self, sequence: int, reason: str) -> None:
        _log.error("event_set_aside", sequence=sequence, reason=reason)
        await insist(lambda: self._aside.set_aside(sequence, reason))


async def insist(ask: Callable[[], Awaitable[_T]]) -> _T:
    """Ask until table and log answer, ever more slowly."""
    wait_s = _RETRY_S
    while True:
        try:
            return await ask()
        except TableUnavailableError as error:
            _log.warning("postgres_unavailable", error=str(error), retry_in_s=wait_s)
        except UnavailableError as error:
            _log.warning("log_unavailable", error=str(error), retry_in_s=wait_s)
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, RETRY_MAX_S)
