# ruff: noqa: TC001 - Litestar reads annotations as the program runs
"""Is the gateway up, can it take jobs, and where is what."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final, Literal, TypeAlias

import msgspec
from litestar import get

from events.log import UnavailableError
from services.gateway.access import NO_KEY, OPEN
from services.gateway.jobs_table import TableError
from services.gateway.parts import GivenParts, Parts
from services.gateway.problems import Problem, documented

State: TypeAlias = Literal["up", "down", "unset"]

ENDPOINTS: Final = {
    "GET /": "this list, or the page for a browser",
    "POST /run": "submit a competition",
    "POST /jobs": "the same",
    "GET /status/{job_id}": "show a job",
    "GET /jobs/{job_id}": "the same",
    "GET /jobs": "list jobs",
    "DELETE /jobs/{job_id}": "cancel a job",
    "GET /jobs/{job_id}/events": "watch a job (server-sent events)",
    "GET /events": "watch all jobs (server-sent events)",
    "GET /jobs/{job_id}/log": "read a job's log (a JSON object a line)",
    "GET /jobs/{job_id}/logs": "read or follow what its attempts wrote",
    "GET /jobs/{job_id}/files/{name}": "fetch a file that a job made",
    "GET /stats": "show statistics",
    "GET /metrics": "show metrics (Prometheus)",
    "GET /jobs/{job_id}/webhooks": "list what was sent of a job",
    "POST /jobs/{job_id}/webhooks/{webhook_id}/redeliver": "send a webhook again",
    "POST /webhooks/secret": "make a secret for webhooks",
    "POST /session": "let this browser read with an API key",
    "DELETE /session": "let it read no more",
    "GET /page/{name}": "a part of the page",
    "GET /health/live": "is the process up",
    "GET /health/ready": "can it take jobs",
    "GET /schema": "this interface as OpenAPI",
    "GET /asyncapi.json": "the events that are sent over NATS (AsyncAPI)",
    "GET /schemas/{name}": "the JSON Schema of an event",
}


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """The servers behind the gateway; only NATS is needed to take jobs."""

    nats: State
    postgres: State
    redis: State


@get("/health/live", summary="Is the process up", opt=OPEN, security=NO_KEY)
async def live() -> dict[str, str]:
    """Answers as long as the process does."""
    return {"status": "up"}


@get(
    "/health/ready",
    summary="Can it take jobs",
    opt=OPEN,
    security=NO_KEY,
    responses=documented(HTTPStatus.SERVICE_UNAVAILABLE),
)
async def ready(parts: GivenParts) -> Readiness:
    """The state of each server; 503 only where NATS is away, with the same states in `checks`."""
    nats, postgres, redis = await asyncio.gather(_nats(parts), _postgres(parts), _redis(parts))
    found = Readiness(nats=nats, postgres=postgres, redis=redis)
    if nats != "up":
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "not-ready",
            "NATS does not answer: no job can be taken.",
            headers={"Retry-After": "1"},
            extra={"checks": found},
        )
    return found


async def _nats(parts: Parts) -> State:
    try:
        await parts.link.last_sequence()
    except UnavailableError:
        return "down"
    return "up"


async def _postgres(parts: Parts) -> State:
    try:
        await parts.table.check()
    except TableError:
        return "down"
    return "up"


async def _redis(parts: Parts) -> State:
    is_up = await parts.limits.is_up()
    if is_up is None:
        return "unset"
    return "up" if is_up else "down"
