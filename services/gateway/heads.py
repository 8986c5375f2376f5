"""HEAD wherever there is GET: the same status and headers, and no body.  RFC 9110, section 9.3.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar.enums import ScopeType

from services.gateway.request_log import told_in

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send


class Heads:
    """An ASGI layer in front of the router, which it asks for what GET would answer.

    Once the head of an answer is there, the answer is complete: a server then tells a stream that its
    client has gone, and it ends.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, one for a head as one for all."""
        if scope["type"] != ScopeType.HTTP or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def head_only(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        # The headers that are told of are one list for both; the server's own scope stays that of a HEAD.
        told_in(scope)
        asked: Scope = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, head_only)
        finally:
            scope["path_template"] = asked.get("path_template", "")
