"""The log as a protocol: append with optimistic concurrency, read one job, follow everything.

Two adapters serve it: `events.jetstream` (NATS) and `events.memory` (tests and simulation); one contract
suite runs on both.

    LogError
    ├── ConflictError      somebody else wrote first: read again, decide again
    └── UnavailableError   the broker did not answer: whether the event was stored is not known
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

import msgspec

from events.recorded import Recorded, Unreadable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from events.catalogue import Event


class LogError(Exception):
    """An append or a read that did not happen."""


class ConflictError(LogError):
    """The expectation of an append did not hold: nothing was written."""


class UnavailableError(LogError):
    """The broker did not answer in time, or could not be reached."""


class JobAt(msgspec.Struct, frozen=True, kw_only=True):
    """Expect `sequence` to be the last of the event's own job (0: the job has no events)."""

    sequence: int


class LogAt(msgspec.Struct, frozen=True, kw_only=True):
    """Expect `sequence` to be the last of the whole log (0: it is empty): the writer has seen everything.

    Two writers that have not seen each other cannot both succeed.
    """

    sequence: int


Expectation: TypeAlias = JobAt | LogAt


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """Which log it is, and the sequence of its last event (0: it is empty).

    `identity` is another one once the log was made anew, whose sequences then mean other events.
    """

    identity: str
    last: int


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What a follower gets at once: events in log order, and whether there were more behind them.

    `caught_up` is True when nothing lay behind the last record as it was delivered.
    """

    records: tuple[Recorded, ...]
    caught_up: bool

    @property
    def unreadable(self) -> tuple[Recorded, ...]:
        """Those of the records that stand for a message no event can be made of."""
        return tuple(record for record in self.records if isinstance(record.event, Unreadable))


class Log(Protocol):
    """The append-only history of all jobs; sequences start at 1 and grow."""

    async def append(self, event: Event, *, expect: Expectation) -> int:
        """Store an event and return its sequence.

        Raises:
            ConflictError: the expectation did not hold; read again before deciding again.
            UnavailableError: no answer; the event may or may not be stored.
        """
        ...

    async def read_job(self, job_id: str) -> list[Recorded]:
        """All events of one job so far, in log order (empty for an unknown job), `Unreadable` ones too.

        Raises:
            UnavailableError: no answer.
        """
        ...

    def follow(self, *, after: int) -> AsyncIterator[Batch]:
        """Every event past a sequence, for ever: first the history, then what is appended.

        What cannot be read comes as `Unreadable`, so that no sequence is missing.  An empty batch comes
        about four times a second while nothing happens, so that a follower can look at the clock.  Survives
        the broker's restarts without gap or repeat.
        """
        ...
