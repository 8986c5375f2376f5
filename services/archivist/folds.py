"""What a log folds to, as one digest: two logs with the same one have the same jobs in the same state."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from events import subjects
from events.feed import messages, record_of
from events.job import evolve
from services.archivist.errors import ArchivistError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.client import Client

    from events.job import Job
    from events.recorded import Recorded


_SILENCE_S: Final = 30.0
_QUIET_MAX: Final = 120
"""Four a second come while there is nothing new."""


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """A log up to `last`: how many messages and jobs it has, and the digest of all jobs' folds."""

    last: int
    messages: int
    jobs: int
    sha256: str


class Folder:
    """Folds a log, record by record; a job that has ended is kept as its digest alone."""

    def __init__(self) -> None:
        self._live: dict[str, Job] = {}
        self._ended: dict[str, bytes] = {}
        self._messages = 0

    def observe(self, record: Recorded) -> None:
        """Take in the next record."""
        self._messages += 1
        job_id = record.event.job_id
        job = evolve(self._live.get(job_id), record)
        # What comes after a job's end moves its sequence and nothing else, so that is left out.
        if job is None:
            return
        if job.has_ended:
            self._live.pop(job_id, None)
            self._ended[job_id] = _digest(job)
        else:
            self._live[job_id] = job

    def result(self, last: int) -> Folded:
        """What has come of all of it, the log being read up to `last`."""
        digests = self._ended | {job_id: _digest(job) for job_id, job in self._live.items()}
        total = hashlib.sha256()
        for job_id in sorted(digests):
            total.update(job_id.encode() + b" " + digests[job_id])
        return Folded(last=last, messages=self._messages, jobs=len(digests), sha256=total.hexdigest())


async def fold_log(connection: Client, *, up_to: int, tell: Callable[[int], None]) -> Folded:
    """The fold of the log up to a sequence that it has reached; `tell` hears how far it is.

    Raises:
        ArchivistError: the log falls silent before.
    """
    folder = Folder()
    async with aclosing(messages(connection, subjects.STREAM, subjects.ALL_EVENTS, after=0)) as log:
        at = quiet = 0
        # The end of a log is never taken out; how many messages wait, a cluster that has just made the stream
        # does not know yet.
        while at < up_to:
            try:
                async with asyncio.timeout(_SILENCE_S):
                    taken, _ = await anext(log)
            except TimeoutError:
                taken = []
                quiet = _QUIET_MAX
            quiet = 0 if taken else quiet + 1
            if quiet > _QUIET_MAX:
                raise ArchivistError(f"the log stopped answering at {at:,}, and should go on to {up_to:,}")
            for place, message in taken:
                at = place.sequence
                if at <= up_to:
                    folder.observe(record_of(place, message))
            tell(min(at, up_to))
    return folder.result(up_to)


def _digest(job: Job) -> bytes:
    return hashlib.sha256(msgspec.json.encode(replace(job, sequence=0))).digest()
