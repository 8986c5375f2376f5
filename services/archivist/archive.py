"""Take the events of jobs that are long over out of the log, into files; what they came to stays in the log.

For each file: write it, with its digest, to the disk; read it back and fold it; only then let `JobArchived`
stand in for each job's events, and only after that take these out.  Killed between any two steps it has lost
nothing, and the next run goes on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import msgspec
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from events import subjects
from events.catalogue import JobArchived, JobCancelled, JobFailed, JobSucceeded
from events.feed import messages, record_of, stored
from events.jetstream import JetStreamLog
from events.log import ConflictError, JobAt, UnavailableError
from services.archivist.archive_file import check, held, write
from services.archivist.errors import ArchivistError
from services.archivist.rules import Archivable, Unfinished, judge
from services.archivist.snapshots import shape_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from events.catalogue import Event
    from events.job import Job
    from events.places import Place

FILE_BYTES: Final = 32 * 1024**2
"""A file is closed once it holds so much before compression."""

_ENDS: Final = (JobSucceeded, JobFailed, JobCancelled)
_SILENCE_S: Final = 30.0
# Each mark makes schedulers look at the log anew before they give a place away (ADR 14).
_PAUSE_S: Final = 0.01


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """What was archived, or would be; `left` says how many old jobs stay, and why."""

    jobs: int
    events: int
    files: tuple[str, ...]
    left: dict[str, int]


class _Batch:
    """Jobs whose events go into one file."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.events: dict[str, list[tuple[Place, Msg]]] = {}
        self.bytes = 0

    def add(self, job: Job, events: list[tuple[Place, Msg]]) -> None:
        self.jobs[job.job_id] = job
        self.events[job.job_id] = events
        self.bytes += sum(len(message.data) for _, message in events)


class Archivist:
    """Archives over a connection, into a folder; with no folder it only looks."""

    def __init__(self, connection: Client, folder: Path | None, *, tell: Callable[[str], None]) -> None:
        self._connection = connection
        self._folder = folder
        self._tell = tell
        self._log = JetStreamLog(connection, source="podium/archivist")
        self._left: Counter[str] = Counter()
        self._jobs = self._events = 0
        self._files: list[str] = []

    async def run(self, *, before: datetime) -> Archived:
        """Archive all jobs that ended before a time.

        Raises:
            ArchivistError: it could not go on; what was not archived is in the log as it was.
        """
        try:
            await self._require_purgeable()
            if self._folder is None:
                await self._archive(before)
            else:
                with held(self._folder):
                    await self._archive(before)
        except (NatsError, UnavailableError, TimeoutError, OSError) as error:
            raise ArchivistError(f"NATS stopped answering: {error!r}") from error
        return Archived(jobs=self._jobs, events=self._events, files=tuple(self._files), left=dict(self._left))

    async def _archive(self, before: datetime) -> None:
        webhooks_at = await self._webhooks_at()
        batch = _Batch()
        ended = await self._ended_before(before)
        for number, job_id in enumerate(ended, start=1):
            self._tell(f"reading job {number:,} of {len(ended):,}")
            events = await stored(self._connection, subjects.STREAM, subjects.of_job(job_id))
            found = judge([record_of(*one) for one in events], before=before, webhooks_at=webhooks_at)
            if isinstance(found, Archivable):
                self._count(len(events))
                batch.add(found.job, events)
            elif isinstance(found, Unfinished):
                await self._finish(found, len(events) - 1)
            else:
                self._left[found] += 1
            if batch.bytes >= FILE_BYTES:
                await self._move(batch)
                batch = _Batch()
        if batch.jobs:
            await self._move(batch)

    def _count(self, events: int) -> None:
        self._jobs += 1
        self._events += events

    async def _move(self, batch: _Batch) -> None:
        """The jobs of a batch into a file, and then out of the log."""
        if self._folder is None:
            return
        path = await asyncio.to_thread(
            write, self._folder, [one for job in batch.events.values() for one in job]
        )
        digest = await asyncio.to_thread(check, path, batch.jobs)
        self._files.append(path.name)
        self._tell(f"{path.name} is written")
        for job_id, job in batch.jobs.items():
            count = len(batch.events[job_id])
            mark = JobArchived(job_id=job_id, file=path.name, sha256=digest, events=count, job=job)
            try:
                sequence = await self._log.append(mark, expect=JobAt(sequence=job.sequence))
            except ConflictError:
                # A late word that changes nothing; the next run takes it along.
                self._jobs, self._events = self._jobs - 1, self._events - count
                self._left["written to"] += 1
                continue
            await self._take_out(job_id, sequence)
            await asyncio.sleep(_PAUSE_S)

    async def _finish(self, found: Unfinished, events: int) -> None:
        """What a run left that was killed after it had said that the events are in a file."""
        mark = found.mark
        if self._folder is not None:
            path = self._folder / mark.file
            try:
                digest = await asyncio.to_thread(check, path, {mark.job_id: mark.job})
            except ArchivistError:
                digest = ""
            if digest != mark.sha256:
                self._left[f"said to be in {mark.file}, which is not there as it was"] += 1
                return
            await self._take_out(mark.job_id, found.sequence)
        self._count(events)

    async def _take_out(self, job_id: str, before: int) -> None:
        await self._connection.jsm().purge_stream(
            subjects.STREAM, seq=before, subject=subjects.of_job(job_id)
        )

    async def _ended_before(self, before: datetime) -> list[str]:
        """The jobs of which an event said so that they ended, in the order of these events."""
        found: dict[str, int] = {}
        for ends in await asyncio.gather(*(self._ends(kind, before) for kind in _ENDS)):
            for job_id, sequence in ends:
                found.setdefault(job_id, sequence)
        return sorted(found, key=found.__getitem__)

    async def _ends(self, kind: type[Event], before: datetime) -> list[tuple[str, int]]:
        """Job and sequence of each event of a type that was stored before a time."""
        found: list[tuple[str, int]] = []
        subject = subjects.of_type(kind)
        async with aclosing(messages(self._connection, subjects.STREAM, subject, after=0)) as ends:
            caught_up = False
            while not caught_up:
                async with asyncio.timeout(_SILENCE_S):
                    taken, caught_up = await anext(ends)
                for place, message in taken:
                    if place.stored_at >= before:
                        return found
                    found.append((subjects.job_and_type(message.subject)[0], place.sequence))
        return found

    async def _webhooks_at(self) -> int | None:
        """Up to where webhooks were made of events; None where no event waits for that."""
        try:
            info = await self._connection.jsm().consumer_info(subjects.STREAM, subjects.WEBHOOKS)
        except NotFoundError:
            return None
        if not info.num_pending and not info.num_ack_pending:
            return None
        return info.ack_floor.stream_seq if info.ack_floor else 0

    async def _require_purgeable(self) -> None:
        shape = await shape_of(self._connection, subjects.STREAM)
        if shape is None:
            raise ArchivistError("There is no log there")
        if shape.config.get("deny_purge"):
            raise ArchivistError("That log was made so that nothing can be taken out of it (deny_purge)")
