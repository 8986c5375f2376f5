"""A key for what a browser asks for by itself: streams, files and frames, which carry no header of ours."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from litestar import Request, Response, delete, post
from litestar.datastructures import Cookie

from services.gateway.access import COOKIE, NO_KEY, OPEN, asks, token_in
from services.gateway.problems import protected

SECONDS: Final = 900
"""The page asks again long before; in a browser that was closed the key is forgotten soon."""


@post(
    "/session",
    status_code=HTTPStatus.NO_CONTENT,
    summary="Let this browser read",
    opt=asks("any"),
    responses=protected(),
)
async def begin(request: Request[Any, Any, Any]) -> Response[None]:
    """Put the API key of this request in a cookie that a browser sends along for 15 minutes.

    It counts for reading only, is out of reach of any script, and never sent from a page of another site.
    """
    token = token_in(request.scope)
    return Response(None, cookies=[_cookie(request, token, SECONDS)] if token else [])


@delete(
    "/session",
    status_code=HTTPStatus.NO_CONTENT,
    summary="Let it read no more",
    opt=OPEN,
    security=NO_KEY,
)
async def end(request: Request[Any, Any, Any]) -> Response[None]:
    """Take the cookie back."""
    return Response(None, cookies=[_cookie(request, "", 0)])


def _cookie(request: Request[Any, Any, Any], token: str, max_age_s: int) -> Cookie:
    """Only for https where that is how we were asked; the word of a proxy is enough for that."""
    is_https = "https" in {request.url.scheme, request.headers.get("x-forwarded-proto")}
    return Cookie(
        key=COOKIE,
        value=token,
        max_age=max_age_s,
        path="/",
        httponly=True,
        samesite="strict",
        secure=is_https,
    )
