# ruff: noqa: TC001 - Litestar reads annotations as the program runs
"""The gateway's metrics, as Prometheus scrapes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Response, get

from events.log import UnavailableError
from services.gateway.access import NO_KEY, OPEN, asks
from services.gateway.jobs_table import TableError
from services.gateway.metrics import CONTENT_TYPE
from services.gateway.parts import GivenParts
from services.gateway.problems import protected
from services.gateway.snapshot import Snapshot
from services.running import utc_now

if TYPE_CHECKING:
    from litestar.handlers import HTTPRouteHandler

    from services.gateway.jobs_table import JobsTable
    from services.gateway.link import NatsLink
    from services.gateway.statistics import Busy


async def metrics(parts: GivenParts) -> Response[bytes]:
    """Every series in Prometheus' text format; those of a server that is away are left out.

    `podium_up` tells which is; the answer itself is 200 all the same.
    """
    busy, checkpoint = await _of_table(parts.table)
    snapshot = Snapshot(
        busy=busy,
        checkpoint=checkpoint,
        last_sequence=await _end_of_log(parts.link),
        sse_clients=parts.hub.readers,
        executors=tuple(parts.executors.alive()),
    )
    return Response(parts.metrics.exposition(snapshot), media_type=CONTENT_TYPE)


def handler(*, is_open: bool) -> HTTPRouteHandler:
    """``GET /metrics``, for admins unless it `is_open`: it tells of everybody's jobs."""
    return get(
        "/metrics",
        summary="Show metrics",
        media_type=CONTENT_TYPE,
        opt=OPEN if is_open else asks("admin"),
        security=NO_KEY if is_open else None,
        responses=protected(),
    )(metrics)


async def _of_table(table: JobsTable) -> tuple[Busy | None, int | None]:
    try:
        return await table.busy(now=utc_now()), await table.checkpoint()
    except TableError:
        return None, None


async def _end_of_log(link: NatsLink) -> int | None:
    try:
        return await link.last_sequence()
    except UnavailableError:
        return None
