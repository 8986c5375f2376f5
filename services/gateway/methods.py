"""What ``OPTIONS`` says of a path: the methods of all its handlers; Litestar tells of some only."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from litestar.enums import ScopeType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litestar.types import ASGIApp, Receive, Scope, Send


def with_head(methods: Iterable[str]) -> str:
    """The value of ``Allow`` for a path whose handlers take these methods."""
    known = {method.strip() for method in methods}
    return ", ".join(sorted(known | {"HEAD"} if "GET" in known else known))


class Methods:
    """An ASGI layer that answers ``OPTIONS``; what a browser asks for another origin was answered before."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 204 with ``Allow``, or pass on what asks for anything else."""
        if scope["type"] != ScopeType.HTTP or scope["method"] != "OPTIONS":
            await self._app(scope, receive, send)
            return
        template = scope["path_template"]
        allowed = {
            method
            for route in scope["litestar_app"].routes
            if route.path_format == template
            for method in route.methods
        }
        headers = [(b"allow", with_head(allowed).encode())]
        await send({"type": "http.response.start", "status": HTTPStatus.NO_CONTENT, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
