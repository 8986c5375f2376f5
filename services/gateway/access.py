"""Who may ask for what: in front of every route, so that one which is added later is closed until it says.

A route says by ``opt=asks(...)`` what it wants; one that says nothing is for admins.  Whatever has a job's
id in its path is there only for those who may see that job.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import structlog
from litestar import Request
from litestar.di import NamedDependency
from litestar.enums import ScopeType
from litestar.middleware.base import DefineMiddleware

from services.gateway.caller import ANYONE, Access, Caller, caller_with
from services.gateway.job_id import parse_job_id
from services.gateway.problems import Problem, no_such_job

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

    from services.gateway.parts import Parts

COOKIE: Final = "podium_key"
"""Carries a key where a browser asks by itself and can send no header: streams, files, frames."""

_OPTION: Final = "access"
_SAFE: Final = frozenset({"GET", "HEAD"})
_OURS: Final = frozenset({"same-origin", "none"})
_WANTED: Final = 'Bearer realm="podium"'

GivenCaller = NamedDependency[Caller]
"""How a handler asks who calls, as its argument `caller`."""


def asks(access: Access) -> dict[str, Access]:
    """The option of a route that is there for those who may do this."""
    return {_OPTION: access}


OPEN: Final = asks("open")

NO_KEY: Final[list[dict[str, list[str]]]] = [{}]
"""For the OpenAPI document: what an open route asks for."""


def access_of(scope: Scope) -> Access:
    """What the route of a request asks for."""
    access: Access = scope["route_handler"].opt.get(_OPTION, "admin")
    return access


def caller_of(request: Request[Any, Any, Any]) -> Caller:
    """Who sent the request."""
    caller: Caller = request.scope["auth"]
    return caller


def token_in(scope: Scope) -> str | None:
    """The token that a request carries: that of its header, and only else, and to read, of its cookie.

    A cookie goes along with what other pages make a browser ask for; it is not heard where the browser
    says that one did.  Nothing can be changed by it, so there is no request to forge.
    Source: RFC 6750, section 2.1; https://www.w3.org/TR/fetch-metadata/
    """
    given = next((value for name, value in scope["headers"] if name == b"authorization"), None)
    if given is not None:
        scheme, _, token = given.decode("latin-1").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""
    request: Request[Any, Any, Any] = Request(scope)
    if request.method not in _SAFE or request.headers.get("sec-fetch-site", "none") not in _OURS:
        return None
    return request.cookies.get(COOKIE)


class Gate:
    """An ASGI layer around every handler; it finds out who asks and lets in whoever may."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it.

        Raises:
            Problem: 401 without a key that counts, 403 where it may not, 404 where it may see no such job.
            UnavailableError: it cannot be known now.
        """
        if scope["type"] == ScopeType.HTTP and scope["method"] != "OPTIONS":
            scope["auth"] = await self._admitted(scope, access_of(scope))
        await self._app(scope, receive, send)

    async def _admitted(self, scope: Scope, access: Access) -> Caller:
        if access == "open" or not self._parts.settings.keys_required:
            return ANYONE
        caller = self._authenticated(token_in(scope))
        structlog.contextvars.bind_contextvars(key_id=caller.key_id)
        if not caller.may(access):
            raise _may_not(access)
        job_id = parse_job_id(str(scope["path_params"].get("job_id", "")))
        if job_id is not None and not await self._parts.owners.shows(job_id, caller):
            raise no_such_job(job_id)
        return caller

    def _authenticated(self, token: str | None) -> Caller:
        if token is None:
            raise _no_key("no-key", "Send an API key: Authorization: Bearer pk_…", _WANTED)
        key = self._parts.keyring.find(token)
        if key is None:
            detail = "This API key is not one that counts: it is wrong, has expired, or was revoked."
            raise _no_key("bad-key", detail, f'{_WANTED}, error="invalid_token"')
        return caller_with(key)


def gate(parts: Parts) -> DefineMiddleware:
    """The layer, for an app."""
    return DefineMiddleware(Gate, parts=parts)


def _no_key(kind: str, detail: str, wanted: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, kind, detail, headers={"WWW-Authenticate": wanted})


def _may_not(access: Access) -> Problem:
    """Source: RFC 6750, section 3.1."""
    wanted = f'{_WANTED}, error="insufficient_scope", scope="{access}"'
    detail = f"This API key may not do that: it lacks the scope {access}."
    return Problem(HTTPStatus.FORBIDDEN, "scope-lacking", detail, headers={"WWW-Authenticate": wanted})
