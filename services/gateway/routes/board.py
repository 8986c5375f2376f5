# ruff: noqa: TC001 - Litestar reads annotations as the program runs
"""Every job's events as they happen: what a board of jobs lives on."""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from litestar import Response, get
from litestar.background_tasks import BackgroundTask
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from events.catalogue import EVENT_TYPES
from events.log import UnavailableError
from services.gateway.access import GivenCaller, asks
from services.gateway.hub import ALL
from services.gateway.openapi import FROM_0
from services.gateway.parts import GivenParts, Parts
from services.gateway.problems import protected, unavailable
from services.gateway.routes.jobs import SLUG_PATTERN
from services.gateway.sse import HEADERS, frame, frames_of_all, reset_frame
from services.gateway.view import TAG_PATTERN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from events.recorded import Recorded
    from services.gateway.caller import Caller
    from services.gateway.owners import Owners

CATCH_UP_MAX: Final = 5_000
"""A reader that has missed more is told to read the jobs anew."""

_CATCH_UP_S: Final = 10.0
_NAMES: Final = "|".join(kind.__name__ for kind in EVENT_TYPES)
_TYPES: Final = f"^(?:{_NAMES})(?:,(?:{_NAMES})){{0,{len(EVENT_TYPES)}}}$"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a reader wants: of these types (none: of all), of jobs like these (None: of all)."""

    types: frozenset[str]
    competition: str | None
    tag: str | None


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
    *,
    after: Annotated[
        int | None, QueryParameter(description="Only events past this sequence; else from now on.", **FROM_0)
    ] = None,
    last_event_id: Annotated[
        int | None, HeaderParameter(name="Last-Event-ID", description="The same, and it wins.", **FROM_0)
    ] = None,
    types: Annotated[
        str | None,
        QueryParameter(
            name="type", pattern=_TYPES, description="Only events of these types, with commas between them."
        ),
    ] = None,
    competition: Annotated[
        str | None, QueryParameter(pattern=SLUG_PATTERN, description="Only jobs of this competition.")
    ] = None,
    tag: Annotated[
        str | None, QueryParameter(pattern=TAG_PATTERN, description="Only jobs with this tag.")
    ] = None,
) -> Response[Any]:
    """Server-sent events of every job, as those of one job; `GET /jobs` says in `sequence` where to begin.

    With an API key, of every job that was asked for with it.  An event `reset`, whose `id` is the end of the
    log, comes in the place of more than 5000 missed ones.
    """
    wanted = Wanted(
        types=frozenset(types.split(",") if types else ()),
        competition=competition.lower() if competition else None,
        tag=tag,
    )
    shows = partial(_shows, parts.owners, caller, wanted)
    asked = after if last_event_id is None else last_event_id
    live = parts.hub.subscribe(ALL, key_id=caller.key_id)
    here = parts.hub.sequence
    try:
        opening = await _missed(parts, shows, here if asked is None else min(asked, here), here)
    except BaseException:
        parts.hub.release(live)
        raise
    return Stream(
        frames_of_all(opening, live, after=here, shows=shows),
        media_type="text/event-stream",
        headers=HEADERS,
        background=BackgroundTask(parts.hub.release, live),
    )


async def _shows(owners: Owners, caller: Caller, wanted: Wanted, record: Recorded) -> bool:
    """Whether an event is wanted, and there for the caller."""
    job_id = record.event.job_id
    return (
        (not wanted.types or record.event_type in wanted.types)
        and await owners.fits(job_id, competition=wanted.competition, tag=wanted.tag)
        and await owners.shows(job_id, caller)
    )


async def _missed(
    parts: Parts, shows: Callable[[Recorded], Awaitable[bool]], after: int, here: int
) -> Sequence[bytes]:
    """The frames of the events past `after`, up to `here`, that `shows`."""
    if after == here:
        return ()
    if here - after > CATCH_UP_MAX:
        return (reset_frame(here),)
    frames: list[bytes] = []
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
