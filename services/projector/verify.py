"""Compare the rows that are served with a fold of the log made for the purpose, both as of the checkpoint."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec

from services.projector.position import check
from services.projector.rows import Row
from services.projector.scratch import CONNECT_S, Fold, scratch
from services.projector.table import position_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from services.projector.folding import Aside
    from services.projector.loop import History
    from services.projector.scratch import Connection, Tell

SCHEMA: Final = "podium_verify"
SHOWN: Final = 20
"""So many differences are kept; all are counted."""

_VALUE_CHARS_MAX: Final = 60
_COLUMNS: Final = Row.__struct_fields__
_ROWS: Final = f"SELECT {', '.join(_COLUMNS)} FROM {{}}jobs ORDER BY job_id"  # noqa: S608 - our own names


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """As of a checkpoint: how many jobs were compared, how many differ, and what is wrong with the first."""

    sequence: int
    jobs: int
    different: int
    shown: tuple[str, ...]


async def verify(log: History, aside: Aside, *, database_url: str, tell: Tell) -> Verdict:
    """Compare every row; nothing that is served is changed or waits, projectors may go on.

    Raises:
        BusyError: another process verifies.
        LogReplacedError: the rows are of another log.
        UnavailableError: the log does not answer at the start.
    """
    async with scratch(database_url, SCHEMA) as fresh:
        served = await asyncpg.connect(database_url, timeout=CONNECT_S)
        try:
            # Its snapshot is that of the first query, so checkpoint and rows belong together.
            async with served.transaction(isolation="repeatable_read", readonly=True):
                position = await position_in(served)
                # The log is asked second: it only grows, so that the rows do not seem to be ahead of it.
                extent = await log.extent()
                check(position, extent)
                fold = Fold(log, aside, database_url=database_url, schema=SCHEMA, tell=tell)
                try:
                    async with aclosing(fold.steps(extent, up_to=position.sequence)) as steps:
                        async for _ in steps:
                            pass
                finally:
                    await fold.close()
                return await _verdict(served, fresh, position.sequence)
        finally:
            await served.close()


def difference(served: Mapping[str, Any] | None, fresh: Mapping[str, Any] | None) -> str | None:
    """What is wrong with a served row, given as it should be; None where nothing is."""
    if served is None:
        assert fresh is not None
        return f"{fresh['job_id']} has no row, and should be {fresh['status']}"
    if fresh is None:
        return f"{served['job_id']} has a row ({served['status']}), and no events"
    wrong = [
        f"{column} is {_short(served[column])}, should be {_short(fresh[column])}"
        for column in _COLUMNS
        if served[column] != fresh[column] and column != "metadata"
    ]
    wrong += _in_metadata(served["metadata"], fresh["metadata"])
    return f"{served['job_id']}: {'; '.join(wrong)}" if wrong else None


def _in_metadata(served: str, fresh: str) -> list[str]:
    if served == fresh:
        return []
    one, other = msgspec.json.decode(served), msgspec.json.decode(fresh)
    names = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    return [f"metadata differs in {', '.join(names)}"]


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _VALUE_CHARS_MAX else f"{text[:_VALUE_CHARS_MAX]}…"


def _columns(row: asyncpg.Record | None) -> dict[str, Any] | None:
    return None if row is None else dict(row)


async def _verdict(served: Connection, fresh: Connection, sequence: int) -> Verdict:
    jobs, different, shown = 0, 0, []
    async with fresh.transaction():
        pairs = _pairs(
            aiter(served.cursor(_ROWS.format(""))), aiter(fresh.cursor(_ROWS.format(f"{SCHEMA}.")))
        )
        async for pair in pairs:
            jobs += 1
            wrong = difference(*map(_columns, pair))
            if wrong is not None:
                different += 1
                shown += [wrong] if different <= SHOWN else []
    return Verdict(sequence=sequence, jobs=jobs, different=different, shown=tuple(shown))


async def _pairs(
    served: AsyncIterator[asyncpg.Record], fresh: AsyncIterator[asyncpg.Record]
) -> AsyncIterator[tuple[asyncpg.Record | None, asyncpg.Record | None]]:
    """The rows of two tables side by side, both in the order of their keys."""
    one, other = await asyncio.gather(anext(served, None), anext(fresh, None))
    while one is not None or other is not None:
        if other is None or (one is not None and one["job_id"] < other["job_id"]):
            yield one, None
            one = await anext(served, None)
        elif one is None or other["job_id"] < one["job_id"]:
            yield None, other
            other = await anext(fresh, None)
        else:
            yield one, other
            one, other = await anext(served, None), await anext(fresh, None)
