"""Events as a stream of server-sent events: the past, then the present, without gap or repeat.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from events.catalogue import JobCancelled, JobFailed, JobSucceeded
from events.log import UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from events.recorded import Recorded
    from services.gateway.hub import Subscription

HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Of every answer that is a stream: nobody on the way keeps it."""

PING: Final = b": ping\n\n"
"""A comment: it has no id, and so does not move a client's place in the log."""

RETRY: Final = b"retry: 2000\n\n"
"""Clients come back 2 s after a lost connection."""

CUT_OFF: Final = b'event: cut_off\ndata: {"message":"Too slow a reader: come back with Last-Event-ID."}\n\n'
CLOSING: Final = b": come back in a moment\n\n"

PING_S: Final = 15.0

_LAST_EVENTS: Final = (JobSucceeded, JobFailed, JobCancelled)


_SHARED_MAX: Final = 256
_shared: dict[int, tuple[Recorded, bytes]] = {}


def frame(record: Recorded) -> bytes:
    """One event: its sequence as id, its type as name, its JSON with sequence and time as data.

    Thousands may watch the same jobs: a record just told is not encoded again.
    """
    known = _shared.get(record.sequence)
    if known is not None and known[0] is record:
        return known[1]
    encoded = _encoded(record)
    _shared[record.sequence] = record, encoded
    if len(_shared) > _SHARED_MAX:
        del _shared[next(iter(_shared))]
    return encoded


def _encoded(record: Recorded) -> bytes:
    fields = msgspec.to_builtins(record.event)
    data = msgspec.json.encode({"sequence": record.sequence, "time": record.time, **fields})
    name = type(record.event).__name__.encode()
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (record.sequence, name, data)


def is_last(record: Recorded) -> bool:
    """Nothing that counts comes after it."""
    return isinstance(record.event, _LAST_EVENTS)


def up_to_last(records: Sequence[Recorded]) -> tuple[Recorded, ...]:
    """A job's records up to the event that ended it; all of them while it lives."""
    end = next((place for place, record in enumerate(records, start=1) if is_last(record)), len(records))
    return tuple(records[:end])


def reset_frame(sequence: int) -> bytes:
    """In the place of too much that was missed: read the jobs anew; events go on past `sequence`."""
    return b'id: %d\nevent: reset\ndata: {"sequence":%d}\n\n' % (sequence, sequence)


async def frames(
    history: Sequence[Recorded], live: Subscription, *, after: int, ping_s: float = PING_S
) -> AsyncIterator[bytes]:
    """The frames of a job past a sequence, until its last event.

    `history` is read after `live` was subscribed to, so what is in both is dropped by its sequence;
    `after` lies at or before the end of `history`.
    """
    yield RETRY
    for record in history:
        if record.sequence > after:
            after = record.sequence
            yield frame(record)
            if is_last(record):
                return
    while True:
        taken = await live.take(wait_s=ping_s)
        if taken is None:
            yield PING
        elif isinstance(taken, str):
            yield CUT_OFF if taken == "cut_off" else CLOSING
            return
        elif taken.sequence > after:
            after = taken.sequence
            yield frame(taken)
            if is_last(taken):
                return


async def frames_of_all(
    opening: Sequence[bytes],
    live: Subscription,
    *,
    after: int,
    shows: Callable[[Recorded], Awaitable[bool]],
    ping_s: float = PING_S,
) -> AsyncIterator[bytes]:
    """`opening`, which tells of everything up to `after`, and then every event that `shows`, for ever."""
    yield RETRY
    for chunk in opening:
        yield chunk
    clock = asyncio.get_running_loop().time
    silent_since = clock()
    while True:
        taken = await live.take(wait_s=ping_s)
        if isinstance(taken, str):
            yield CUT_OFF if taken == "cut_off" else CLOSING
            return
        try:
            is_shown = taken is not None and taken.sequence > after and await shows(taken)
        except UnavailableError:
            yield CLOSING
            return
        # What is kept from a reader must not keep its pings away too.
        if taken is not None and is_shown:
            silent_since = clock()
            yield frame(taken)
        elif taken is None or clock() - silent_since >= ping_s:
            silent_since = clock()
            yield PING
