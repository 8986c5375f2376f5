"""Whose job is whose: the key that each job was asked for with, remembered, else read from the log."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol

from events.catalogue import JobRequested
from events.log import UnavailableError
from services.gateway.jobs_table import TableError

if TYPE_CHECKING:
    from events.job import Job
    from events.recorded import Recorded
    from services.gateway.caller import Caller

REMEMBERED: Final = 50_000
"""Of so many jobs the owner is known without asking."""


class Requests(Protocol):
    """Where the request of a job is read."""

    async def request_of(self, job_id: str) -> JobRequested | None:
        """The request, None where there is no such job."""


class Rows(Protocol):
    """Where a job is found while the log is away."""

    async def find(self, job_id: str) -> Job | None:
        """The job, None where there is no row."""


class Owners:
    """Who may see a job.  An owner never changes, so what was found once stays true."""

    def __init__(self, requests: Requests, rows: Rows) -> None:
        self._requests = requests
        self._rows = rows
        self._known: OrderedDict[str, str | None] = OrderedDict()

    def learn(self, record: Recorded) -> None:
        """Take in an event of any job."""
        if isinstance(record.event, JobRequested):
            self._remember(record.event.job_id, record.event.owner)

    async def shows(self, job_id: str, caller: Caller) -> bool:
        """The job is there for the caller: one of somebody else's is not, as if there were none.

        Raises:
            UnavailableError: neither log nor table knows now.
        """
        if caller.sees_all:
            return True
        if job_id not in self._known and not await self._find(job_id):
            return False
        return self._known[job_id] == caller.key_id

    async def _find(self, job_id: str) -> bool:
        try:
            found: Job | JobRequested | None = await self._requests.request_of(job_id)
        except UnavailableError as error:
            try:
                found = await self._rows.find(job_id)
            except TableError:
                raise error from None
            if found is None:
                raise
        if found is not None:
            self._remember(job_id, found.owner)
        return found is not None

    def _remember(self, job_id: str, owner: str | None) -> None:
        self._known[job_id] = owner
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
