# ruff: noqa: TC002 - Litestar reads annotations as the program runs
"""What other systems may rely on: the events as AsyncAPI, and the JSON Schema of each."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from litestar import Response, get
from litestar.params import FromPath

from events.catalogue import EVENT_TYPES
from events.contracts import asyncapi, event_schema
from services.gateway.access import NO_KEY, OPEN
from services.gateway.problems import Problem, documented

_KINDS: Final = {f"{kind.__name__}.json": kind for kind in EVENT_TYPES}


@get(
    "/asyncapi.json",
    summary="The events as AsyncAPI",
    media_type="application/json",
    opt=OPEN,
    security=NO_KEY,
)
async def document() -> dict[str, Any]:
    """Every event that is sent over NATS, as an AsyncAPI 3.0 document."""
    return asyncapi()


@get(
    "/schemas/{name:str}",
    summary="The JSON Schema of an event",
    media_type="application/schema+json",
    opt=OPEN,
    security=NO_KEY,
    responses=documented(HTTPStatus.NOT_FOUND),
)
async def schema(name: FromPath[str]) -> Response[dict[str, Any]]:
    """The payload of one type of event, as a JSON Schema (draft 2020-12); `name` is `<event>.json`."""
    if name not in _KINDS:
        raise Problem(HTTPStatus.NOT_FOUND, "no-such-event", "There is no event of that name.")
    return Response(event_schema(_KINDS[name]), media_type="application/schema+json")
