# ruff: noqa: TC001 - Litestar reads annotations as the program runs
"""Every job's events as they happen: what a board of jobs lives on."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

from litestar import Response, get
from litestar.background_tasks import BackgroundTask
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from events.log import UnavailableError
from services.gateway.access import GivenCaller, asks
from services.gateway.hub import ALL
from services.gateway.openapi import FROM_0
from services.gateway.parts import GivenParts, Parts
from services.gateway.problems import protected, unavailable
from services.gateway.sse import HEADERS, frame, frames_of_all, reset_frame

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from events.recorded import Recorded
    from services.gateway.caller import Caller

CATCH_UP_MAX: Final = 5_000
"""A reader that has missed more is told to read the jobs anew."""

_CATCH_UP_S: Final = 10.0


@get(
    "/events",
    summary="Watch all jobs",
    media_type="text/event-stream",
    opt=asks("read"),
    responses=protected(HTTPStatus.BAD_REQUEST),
)
async def stream(
    parts: GivenParts,
    caller: GivenCaller,
    after: Annotated[
        int | None, QueryParameter(description="Only events past this sequence; else from now on.", **FROM_0)
    ] = None,
    last_event_id: Annotated[
        int | None, HeaderParameter(name="Last-Event-ID", description="The same, and it wins.", **FROM_0)
    ] = None,
) -> Response[Any]:
    """Server-sent events of every job, as those of one job; `GET /jobs` says in `sequence` where to begin.

    With an API key, of every job that was asked for with it.  An event `reset`, whose `id` is the end of the
    log, comes in the place of more than 5000 missed ones.
    """
    asked = after if last_event_id is None else last_event_id
    live = parts.hub.subscribe(ALL, key_id=caller.key_id)
    here = parts.hub.sequence
    try:
        opening = await _missed(parts, caller, here if asked is None else min(asked, here), here)
    except BaseException:
        parts.hub.release(live)
        raise
    return Stream(
        frames_of_all(opening, live, after=here, shows=_shows(parts, caller)),
        media_type="text/event-stream",
        headers=HEADERS,
        background=BackgroundTask(parts.hub.release, live),
    )


def _shows(parts: Parts, caller: Caller) -> Callable[[Recorded], Awaitable[bool]]:
    """Whether an event is there for the caller."""

    async def shows(record: Recorded) -> bool:
        return await parts.owners.shows(record.event.job_id, caller)

    return shows


async def _missed(parts: Parts, caller: Caller, after: int, here: int) -> Sequence[bytes]:
    """The frames of the events past `after`, up to `here`, that are there for the caller."""
    if after == here:
        return ()
    if here - after > CATCH_UP_MAX:
        return (reset_frame(here),)
    frames: list[bytes] = []
    shows = _shows(parts, caller)
    try:
        async with asyncio.timeout(_CATCH_UP_S):
            async for batch in parts.link.follow(after=after):
                frames += [
                    frame(record)
                    for record in batch.records
                    if record.sequence <= here and await shows(record)
                ]
                if batch.caught_up or (batch.records and batch.records[-1].sequence >= here):
                    return frames
    except TimeoutError as error:
        raise unavailable("The log of events does not answer; try again.") from error
    raise UnavailableError("the log ended")
