"""The page for a browser: files of this package, read once, and under the strictest policy that they fit."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter

from services.gateway.access import NO_KEY, OPEN
from services.gateway.media_types import also
from services.gateway.problems import Problem, documented
from services.gateway.routes.health import ENDPOINTS

_FOLDER: Final = Path(__file__).resolve().parents[1] / "page"

_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

_RULES: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "frame-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)
POLICY: Final = "; ".join(_RULES)
"""Nothing inline, nothing from elsewhere, no text that becomes markup.  Source: W3C CSP 3, Trusted Types."""


class PageFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the page with its media type (Litestar adds the charset) and its digest as ETag."""

    data: bytes
    media_type: str
    etag: str


def _read() -> dict[str, PageFile]:
    found = {}
    for path in sorted(_FOLDER.iterdir()):
        if path.suffix in _TYPES:
            data = path.read_bytes()
            etag = f'"{hashlib.sha256(data).hexdigest()}"'
            found[path.name] = PageFile(data=data, media_type=_TYPES[path.suffix], etag=etag)
    return found


_FILES: Final = _read()


_SEEN: Final[dict[int, ResponseSpec]] = {
    HTTPStatus.NOT_MODIFIED: ResponseSpec(data_container=None, description="You have it already.")
}


@get(
    "/",
    summary="What there is",
    media_type="application/json",
    opt=OPEN,
    security=NO_KEY,
    operation_class=also(["text/html"]),
    responses=_SEEN,
)
async def index(
    accept: Annotated[str, HeaderParameter(name="Accept")] = "",
    if_none_match: Annotated[str | None, HeaderParameter(name="If-None-Match")] = None,
) -> Response[Any]:
    """The endpoints with a word on each; to a browser, which asks for HTML, the page."""
    if "text/html" not in accept:
        return Response({"endpoints": ENDPOINTS}, headers={"Vary": "Accept"})
    return _answer(_FILES["index.html"], if_none_match)


@get(
    "/page/{name:str}",
    summary="A part of the page",
    media_type="text/plain",
    opt=OPEN,
    security=NO_KEY,
    operation_class=also(_TYPES.values()),
    responses={**_SEEN, **documented(HTTPStatus.NOT_FOUND)},
)
async def part(
    name: FromPath[str],
    if_none_match: Annotated[str | None, HeaderParameter(name="If-None-Match")] = None,
) -> Response[bytes]:
    """A module, a style sheet or a picture that the page is made of."""
    if name not in _FILES:
        raise Problem(HTTPStatus.NOT_FOUND, "not-found", "The page has no such part.")
    return _answer(_FILES[name], if_none_match)


def _answer(file: PageFile, if_none_match: str | None) -> Response[bytes]:
    """The file, or 304 where the browser has it: a new version of Podium is seen at the next load."""
    headers = {
        "ETag": file.etag,
        "Cache-Control": "no-cache",
        "Content-Security-Policy": POLICY,
        "Vary": "Accept",
    }
    if if_none_match == file.etag:
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(file.data, media_type=file.media_type, headers=headers)
