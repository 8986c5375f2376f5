"""Whose job is whose, and what it was asked for: remembered of each job, else read from the log."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from events.catalogue import JobRequested
from events.log import UnavailableError
from services.gateway.jobs_table import TableError

if TYPE_CHECKING:
    from events.job import Job
    from events.recorded import Recorded
    from services.gateway.caller import Caller

REMEMBERED: Final = 50_000
"""Of so many jobs it is known without asking."""


class Requests(Protocol):
    """Where the request of a job is read."""

    async def request_of(self, job_id: str) -> JobRequested | None:
        """The request, None where there is no such job."""


class Rows(Protocol):
    """Where a job is found while the log is away."""

    async def find(self, job_id: str) -> Job | None:
        """The job, None where there is no row."""


class _Asked(msgspec.Struct, frozen=True):
    """What never changes of a job."""

    owner: str | None
    competition: str
    tags: tuple[str, ...]


class Owners:
    """Who may see a job.  What it was asked for never changes, so what was found once stays true."""

    def __init__(self, requests: Requests, rows: Rows) -> None:
        self._requests = requests
        self._rows = rows
        self._known: OrderedDict[str, _Asked] = OrderedDict()

    def learn(self, record: Recorded) -> None:
        """Take in an event of any job."""
        if isinstance(record.event, JobRequested):
            self._remember(record.event)

    async def shows(self, job_id: str, caller: Caller) -> bool:
        """The job is there for the caller: one of somebody else's is not, as if there were none.

        Raises:
            UnavailableError: neither log nor table knows now.
        """
        if caller.sees_all:
            return True
        asked = await self._asked(job_id)
        return asked is not None and asked.owner == caller.key_id

    async def fits(self, job_id: str, *, competition: str | None, tag: str | None) -> bool:
        """The job is of that competition and has that tag; None fits all.

        Raises:
            UnavailableError: neither log nor table knows now.
        """
        if competition is None and tag is None:
            return True
        asked = await self._asked(job_id)
        return asked is not None and competition in {None, asked.competition} and tag in {None, *asked.tags}

    async def _asked(self, job_id: str) -> _Asked | None:
        """What is known of a job, None where there is no such job."""
        if job_id in self._known:
            return self._known[job_id]
        try:
            found: Job | JobRequested | None = await self._requests.request_of(job_id)
        except UnavailableError as error:
            try:
                found = await self._rows.find(job_id)
            except TableError:
                raise error from None
            if found is None:
                raise
        return None if found is None else self._remember(found)

    def _remember(self, found: Job | JobRequested) -> _Asked:
        asked = _Asked(found.owner, found.competition, found.tags)
        self._known[found.job_id] = asked
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return asked
