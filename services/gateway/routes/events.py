# ruff: noqa: TC001 - Litestar reads annotations as the program runs
"""A job's events, as they happen and as they were."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from litestar import Response, get
from litestar.background_tasks import BackgroundTask
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from events.lines import told_line
from services.gateway.access import GivenCaller, asks
from services.gateway.lookup import GivenJobId, checked_id, history_of
from services.gateway.openapi import FROM_0
from services.gateway.parts import GivenParts
from services.gateway.problems import protected
from services.gateway.sse import HEADERS, frames, is_last, up_to_last


@get(
    "/jobs/{job_id:str}/events",
    summary="Watch a job",
    media_type="text/event-stream",
    opt=asks("read"),
    responses={
        HTTPStatus.NO_CONTENT: ResponseSpec(
            data_container=None, description="The job has ended and all its events were seen."
        ),
        **protected(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE),
    },
)
async def stream(
    job_id: GivenJobId,
    parts: GivenParts,
    caller: GivenCaller,
    after: Annotated[int, QueryParameter(ge=0, description="Only events past this sequence.")] = 0,
    last_event_id: Annotated[
        int | None, HeaderParameter(name="Last-Event-ID", description="The same, and it wins.", **FROM_0)
    ] = None,
) -> Response[Any]:
    """Server-sent events: the past, then the present, until the job's last event.

    `id` is the event's sequence, `event` its type, `data` its JSON with `sequence` and `time`.  204 tells
    a browser that nothing more will come.
    """
    job_id = checked_id(job_id)
    live = parts.hub.subscribe(job_id, key_id=caller.key_id)
    try:
        history = up_to_last(await history_of(job_id, parts.link))
        seen = min(after if last_event_id is None else last_event_id, history[-1].sequence)
    except BaseException:
        parts.hub.release(live)
        raise
    if is_last(history[-1]) and seen == history[-1].sequence:
        parts.hub.release(live)
        return Response(None, status_code=HTTPStatus.NO_CONTENT)
    return Stream(
        frames(history, live, after=seen),
        media_type="text/event-stream",
        headers=HEADERS,
        background=BackgroundTask(parts.hub.release, live),
    )


@get(
    "/jobs/{job_id:str}/log",
    summary="Read a job's log",
    media_type="application/x-ndjson",
    opt=asks("read"),
    responses=protected(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE),
)
async def history(job_id: GivenJobId, parts: GivenParts) -> Response[bytes]:
    """All events of a job so far, one JSON object a line, those that came too late to count included.

    `sequence` is the place in the log, `data` the event; `id`, `time`, `source` and `type` are its headers.
    """
    records = await history_of(checked_id(job_id), parts.link)
    return Response(b"".join(map(told_line, records)), media_type="application/x-ndjson")
