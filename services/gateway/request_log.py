"""Around every request: a line in the log, and the headers that tell a browser to trust nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import structlog
from litestar.datastructures import MutableScopeHeaders

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_QUIET: Final = "/health/"
_ERROR: Final = 400

_log = structlog.get_logger(__name__)


class RequestLog:
    """An ASGI layer; a handler may bind `job_id` to structlog's context to have it in the line.

    Health checks are logged only when they fail.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the line is written when its response has ended, or has broken off."""
        began, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                headers = MutableScopeHeaders.from_message(message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        # The server gives each request an empty context of its own: the service's name is bound anew.
        structlog.contextvars.bind_contextvars(service="gateway")
        try:
            await self._app(scope, receive, noted)
        finally:
            if status >= _ERROR or not scope["path"].startswith(_QUIET):
                _log.info(
                    "request",
                    method=scope.get("method"),
                    path=scope["path"],
                    status=status,
                    duration_ms=round((time.perf_counter() - began) * 1000, 1),
                )
