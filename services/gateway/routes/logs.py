# ruff: noqa: TC001 - Litestar reads annotations as the program runs
"""What the processes of a job's attempts wrote."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from litestar import Response, get
from litestar.background_tasks import BackgroundTask
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from services.gateway import log_frames, sse
from services.gateway.access import GivenCaller, asks
from services.gateway.lookup import GivenJobId, checked_id, find_job
from services.gateway.media_types import also
from services.gateway.parts import GivenParts
from services.gateway.problems import protected, unavailable
from services.logstream import LogLinesError

# Said as a header, because a `Stream` prefers the media type of its handler to its own.
_HEADERS = {"Content-Type": "text/event-stream", **sse.HEADERS}
_FORMATS = {
    "text": ("text/plain; charset=utf-8", log_frames.text),
    "ndjson": ("application/x-ndjson", log_frames.json),
}


@get(
    "/jobs/{job_id:str}/logs",
    summary="Read a job's log lines",
    media_type="text/plain",
    opt=asks("read"),
    operation_class=also(["text/event-stream", "application/x-ndjson"]),
    responses={
        HTTPStatus.NO_CONTENT: ResponseSpec(
            data_container=None,
            description="The job has ended, and a client that comes back has seen it all.",
        ),
        **protected(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
    },
)
async def lines(
    job_id: GivenJobId,
    parts: GivenParts,
    caller: GivenCaller,
    *,
    follow: Annotated[
        bool, QueryParameter(description="Go on until the job ends, as server-sent events.")
    ] = False,
    form: Annotated[
        Literal["text", "ndjson"], QueryParameter(name="format", description="Without `follow`.")
    ] = "text",
    last_event_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
) -> Response[Any]:
    """The newest lines that are kept, the oldest of them first; of no use as a record: see the events.

    With `follow`, `id` is the attempt and the line's number in it, `data` its JSON, and the event `end`
    says that no more will come.
    """
    job_id = checked_id(job_id)
    stored = parts.link.log_lines()
    if not follow:
        await find_job(job_id, parts)
        media_type, written = _FORMATS[form]
        return Stream(
            (written(line) async for line in stored.stored(job_id)), headers={"Content-Type": media_type}
        )
    events = parts.hub.subscribe(job_id, key_id=caller.key_id)
    try:
        job = await find_job(job_id, parts)
        after = log_frames.place_of(last_event_id)
        seen = job.has_ended and last_event_id is not None and after >= await stored.last_place(job_id)
    except LogLinesError as error:
        parts.hub.release(events)
        raise unavailable("The log lines cannot be read now.") from error
    except BaseException:
        parts.hub.release(events)
        raise
    if seen:
        parts.hub.release(events)
        return Response(None, status_code=HTTPStatus.NO_CONTENT)
    return Stream(
        log_frames.frames(stored, job_id, events, has_ended=job.has_ended, after=after),
        headers=_HEADERS,
        background=BackgroundTask(parts.hub.release, events),
    )
