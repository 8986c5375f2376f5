"""The Litestar app: handlers, limits, problem details and the OpenAPI document, put together."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.router import Router

from services.gateway import problems
from services.gateway.access import OPEN, caller_of, gate
from services.gateway.heads import Heads
from services.gateway.methods import Methods
from services.gateway.openapi import ExactJson
from services.gateway.request_log import RequestLog
from services.gateway.routes import (
    board,
    contracts,
    events,
    files,
    health,
    jobs,
    logs,
    metrics,
    page,
    session,
    stats,
    submit,
    webhooks,
)
from services.gateway.throttle import throttle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.gateway.parts import Parts
    from services.gateway.settings import Settings

_BODY_BYTES_MAX: Final = 64 * 1024
_VERSION: Final = "1"
_DESCRIPTION: Final = (
    "Takes the URL of a Kaggle competition and gives back a valid, scored submission.csv. "
    "Every error is an application/problem+json (RFC 9457)."
)


def create_app(parts: Parts) -> Litestar:
    """The app over its parts, which it opens at its start and closes at its end."""

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with parts.running():
            yield

    app = Litestar(
        route_handlers=[
            submit.run,
            jobs.status,
            jobs.job_list,
            jobs.cancel,
            events.stream,
            events.history,
            board.stream,
            files.file,
            logs.lines,
            stats.stats,
            metrics.handler(is_open=parts.settings.metrics_open),
            webhooks.history,
            webhooks.redeliver,
            webhooks.renew,
            session.begin,
            session.end,
            contracts.document,
            contracts.schema,
            health.live,
            health.ready,
            page.index,
            page.part,
        ],
        dependencies={
            "parts": Provide(lambda: parts, sync_to_thread=False, use_cache=True),
            "caller": Provide(caller_of, sync_to_thread=False),
        },
        state=State({"parts": parts}),
        middleware=[Methods, gate(parts), throttle(parts)],
        plugins=[problems.plugin()],
        lifespan=[lifespan],
        request_max_body_size=_BODY_BYTES_MAX,
        cors_config=_cors(parts.settings.cors_origins),
        logging_config=None,
        openapi_config=_openapi(parts.settings),
    )
    # Outside of Litestar's router, so that unknown paths and refused methods pass through it too.
    app.asgi_handler = RequestLog(Heads(app.asgi_handler), parts.metrics.answered)
    return app


def _openapi(settings: Settings) -> OpenAPIConfig:
    keys_required = settings.keys_required
    scheme = SecurityScheme(type="http", scheme="bearer", description="An API key, `pk_…`.")
    return OpenAPIConfig(
        title="Podium",
        version=_VERSION,
        description=_DESCRIPTION,
        use_handler_docstrings=True,
        render_plugins=[ExactJson(settings)],
        openapi_router=Router(path="/schema", route_handlers=[], opt=OPEN, include_in_schema=False),
        components=Components(security_schemes={"api_key": scheme}) if keys_required else Components(),
        security=[{"api_key": []}] if keys_required else None,
    )


def _cors(origins: tuple[str, ...]) -> CORSConfig | None:
    """What pages of other origins may do: all that this interface offers; None where there are no such."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "HEAD", "POST", "DELETE"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "Last-Event-ID",
            "If-None-Match",
            "Range",
        ],
        expose_headers=[
            "Location",
            "Idempotency-Replayed",
            "Retry-After",
            "ETag",
            "Content-Range",
            "RateLimit",
            "RateLimit-Policy",
        ],
    )
