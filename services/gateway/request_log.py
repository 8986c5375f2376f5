"""Around every request: a line in the log, a count, and the headers that tell a browser to trust nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import structlog

from services import tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from litestar.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS: Final = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_TOLD: Final = "podium.headers"
_QUIET: Final = ("/health/", "/metrics")
_ERROR: Final = 400

_log = structlog.get_logger(__name__)


def told_in(scope: Scope) -> list[tuple[bytes, bytes]]:
    """What was told so far."""
    told: list[tuple[bytes, bytes]] = scope.setdefault(_TOLD, [])  # type: ignore[typeddict-item]  # ours
    return told


def tell(scope: Scope, headers: Mapping[str, str]) -> None:
    """Have the answer to a request carry these headers, too, whatever it turns out to be."""
    told_in(scope).extend((name.lower().encode(), value.encode()) for name, value in headers.items())


class RequestLog:
    """An ASGI layer; a handler may bind `job_id` to structlog's context to have it in the line.

    Health checks and scrapes are logged only when they fail.  `answered` is told of every request its
    method, the template of its path, its status, and how long its answer took to begin, in seconds.
    """

    def __init__(self, app: ASGIApp, answered: Callable[[str, str | None, int, float], None]) -> None:
        self._app = app
        self._answered = answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the line is written when its response has ended, or has broken off."""
        began, status, answer_s = time.perf_counter(), 0, 0.0

        async def noted(message: Message) -> None:
            nonlocal status, answer_s
            if message["type"] == "http.response.start":
                answer_s = time.perf_counter() - began
                status = int(message["status"])
                set_already = {name.lower() for name, _ in message["headers"]}
                more = [header for header in SECURITY_HEADERS if header[0] not in set_already]
                message["headers"] = [*message["headers"], *more, *told_in(scope)]
            await send(message)

        # The server gives each request an empty context of its own: the service's name is bound anew.
        structlog.contextvars.bind_contextvars(service="gateway")
        tracing.arrived(scope.get("headers") or ())
        try:
            await self._app(scope, receive, noted)
        finally:
            self._answered(str(scope.get("method")), scope.get("path_template"), status, answer_s)
            if status >= _ERROR or not scope["path"].startswith(_QUIET):
                _log.info(
                    "request",
                    method=scope.get("method"),
                    path=scope["path"],
                    status=status,
                    duration_ms=round((time.perf_counter() - began) * 1000, 1),
                )
