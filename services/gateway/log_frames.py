"""A job's log lines as text, as lines of JSON, or as server-sent events until the job has ended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec
from nats.errors import TimeoutError as NatsTimeoutError

from services.gateway.sse import CLOSING, PING, PING_S, RETRY, is_last
from services.log_line import decode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.subscription import Subscription as Lines

    from services.gateway.hub import Subscription as Events
    from services.log_line import LogLine
    from services.logstream import LogLines

END: Final = b"event: end\ndata: {}\n\n"
"""No more lines will come: a client need not come back."""

_PLACE: Final = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")
_LOOK_S: Final = 0.25


def place_of(event_id: str | None) -> tuple[int, int]:
    """The place that an id of a frame names, the beginning where it names none."""
    found = _PLACE.fullmatch(event_id or "")
    return (int(found[1]), int(found[2])) if found else (0, 0)


def frame(line: LogLine) -> bytes:
    """One line as an event: its place as id, its JSON as data."""
    return b"id: %d.%d\nevent: line\ndata: %s\n\n" % (*line.place, msgspec.json.encode(line))


def text(line: LogLine) -> bytes:
    """One line for a person: time, attempt, stream, words."""
    at = line.time.isoformat(timespec="milliseconds")
    return f"{at} {line.attempt} {line.stream} {line.text}\n".encode()


def json(line: LogLine) -> bytes:
    """One line for a program."""
    return msgspec.json.encode(line) + b"\n"


async def frames(
    lines: LogLines, job_id: str, events: Events, *, has_ended: bool, after: tuple[int, int]
) -> AsyncIterator[bytes]:
    """The lines past a place, stored ones first, until the job's last event in `events`.

    Lines are read live before they are read from the stream, so that none falls in between.
    """
    yield RETRY
    async with lines.live(job_id) as live:
        async for line in lines.stored(job_id):
            if line.place > after:
                after = line.place
                yield frame(line)
        silent_s = 0.0
        while True:
            found = await _next(live)
            if found is not None and found.place > after:
                after, silent_s = found.place, 0.0
                yield frame(found)
            elif found is None and has_ended:
                yield END
                return
            elif found is None:
                taken = await events.take(wait_s=0)
                if isinstance(taken, str):
                    yield CLOSING
                    return
                has_ended = taken is not None and is_last(taken)
                silent_s += _LOOK_S
                if silent_s >= PING_S:
                    silent_s = 0.0
                    yield PING


async def _next(live: Lines) -> LogLine | None:
    """The next line, or None where none came for a moment."""
    try:
        return decode((await live.next_msg(timeout=_LOOK_S)).data)
    except NatsTimeoutError:
        return None
