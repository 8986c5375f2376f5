"""The projection's table in memory, as atomic as the real one, and the fold that it is compared with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from services.projector.rows import decode, encode, keys_of, project, row_of
from services.projector.table import RewoundError, TableUnavailableError
from tests.simulation.violation import check

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from uuid import UUID

    from events.log import Extent
    from events.recorded import Recorded
    from services.projector.rows import Row
    from tests.simulation.invariants import Checker
    from tests.simulation.shape import Fault

_STATUS = {"JobSucceeded": "success", "JobFailed": "failed", "JobCancelled": "cancelled"}


class SimTable:
    """A `services.projector.loop.Table`; now and then away, silent about a commit, or set back to nothing."""

    def __init__(self, rng: random.Random, faults: set[Fault]) -> None:
        self._rng = rng
        self._faults = faults
        self._documents: dict[UUID, str] = {}
        self._at = 0

    async def checkpoint(self, extent: Extent) -> int:
        """See `JobTable.checkpoint`."""
        await self._answers()
        return self._at

    async def fold_in(self, records: Sequence[Recorded], *, after: int) -> int:
        """See `JobTable.fold_in`."""
        await self._answers()
        if self._at < after:
            raise RewoundError("set back")
        self._fold_in([record for record in records if record.sequence > self._at])
        at = self._at
        await self._answers()
        return at

    @property
    def at(self) -> int:
        """The checkpoint."""
        return self._at

    def rows(self) -> dict[UUID, Row]:
        """The rows as they are."""
        return {key: row_of(key, decode(document)) for key, document in self._documents.items()}

    def _fold_in(self, records: Sequence[Recorded]) -> None:
        if not records:
            return
        keys = keys_of(records)
        jobs = {key: decode(self._documents[key]) for key in keys.values() if key in self._documents}
        changed = project(jobs, records, keys)
        self._documents.update({key: encode(job) for key, job in changed.items()})
        self._at = records[-1].sequence

    async def _answers(self) -> None:
        await asyncio.sleep(self._rng.expovariate(1 / 0.01))
        if "table" not in self._faults:
            return
        if self._rng.random() < 0.05:
            raise TableUnavailableError("away")
        if self._rng.random() < 0.002:
            self._documents, self._at = {}, 0


def check_rows(table: SimTable, records: Sequence[Recorded], checker: Checker) -> None:
    """See that the table holds what a fresh fold of the log gives, also where every event comes twice."""
    keys = keys_of(records)
    once = {key: row_of(key, job) for key, job in project({}, records, keys).items()}
    doubled = [record for record in records for _ in range(2)]
    twice = {key: row_of(key, job) for key, job in project({}, doubled, keys).items()}
    check("the rows are a fold", table.rows() == once, f"{table.rows()} is not {once}")
    check("twice is once", twice == once, f"{twice} is not {once}")
    told = {str(row.job_id): row.status for row in once.values()}
    expected = {job_id: _STATUS[job.ended] for job_id, job in checker.jobs.items()}
    check("the rows tell the ends", told == expected, f"{told} is not {expected}")
