"""An ASGI layer, inside the one that finds out who asks: how often each client may ask."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from litestar import Request
from litestar.enums import ScopeType
from litestar.middleware.base import DefineMiddleware

from services.gateway.access import access_of, caller_of
from services.gateway.problems import Problem
from services.gateway.request_log import tell
from services.gateway.windows import Policy, client_at

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

    from services.gateway.parts import Parts

SUBMIT: Final = {"limit": "submit"}
"""The option of a route that makes jobs; all others but those that are open to all are limited as reads."""


class Throttle:
    """Counts requests by API key, else by address."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app = app
        self._limits = parts.limits
        self._submits = Policy(name="submit", most=parts.settings.submits_per_minute)
        self._reads = Policy(name="read", most=parts.settings.reads_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it.

        Raises:
            Problem: 429, the client has asked too often.
        """
        if scope["type"] == ScopeType.HTTP and scope["method"] != "OPTIONS":
            policy = self._policy(scope)
            if policy is not None:
                await self._count(Request(scope), policy)
        await self._app(scope, receive, send)

    def _policy(self, scope: Scope) -> Policy | None:
        """The limit of a route, None where it has none."""
        if scope["route_handler"].opt.get("limit") == "submit":
            policy = self._submits
        elif access_of(scope) == "open":
            return None
        else:
            policy = self._reads
        return policy if policy.most else None

    async def _count(self, request: Request[Any, Any, Any], policy: Policy) -> None:
        verdict = await self._limits.take(_client(request), policy)
        headers = verdict.headers(policy)
        if verdict.allowed:
            tell(request.scope, headers)
            return
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too-many-requests",
            f"Too many requests from this client: {policy.most} a minute; see Retry-After (in seconds).",
            headers={"Retry-After": str(verdict.more_in_s), **headers},
        )


def throttle(parts: Parts) -> DefineMiddleware:
    """The layer, for an app."""
    return DefineMiddleware(Throttle, parts=parts)


def _client(request: Request[Any, Any, Any]) -> str:
    """Whose requests are counted together."""
    key_id = caller_of(request).key_id
    if key_id is not None:
        return f"key:{key_id}"
    return f"address:{client_at(request.client.host if request.client else '')}"
