"""How an artifact is handed to a browser: as what it is, and with no more rights than a picture."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from events.catalogue import Artifact

_TYPES: Final = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".log": "text/plain",
    ".md": "text/plain",
    ".png": "image/png",
    ".py": "text/x-python",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
_SHOWN: Final = frozenset({".html", ".json", ".log", ".md", ".png", ".svg", ".txt"})
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]+")

POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
"""The files were written by generated code: no script, no request, no origin; only our page frames them."""


def content_type(name: str) -> str:
    """The media type that a file's name stands for; Litestar adds the charset to text."""
    return _TYPES.get(_ending(name), "application/octet-stream")


def headers_of(artifact: Artifact) -> dict[str, str]:
    """Disposition, ETag (the SHA-256) and policy of a file."""
    return {
        "Content-Disposition": f"{_disposition(artifact.name)}; {_filename(artifact.name)}",
        "ETag": _etag(artifact),
        "Cache-Control": "no-cache",
        "Content-Security-Policy": POLICY,
        "X-Frame-Options": "SAMEORIGIN",
    }


def is_known(artifact: Artifact, if_none_match: str | None) -> bool:
    """The client has these very bytes.  Source: RFC 9110, section 13.1.2."""
    known = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
    return "*" in known or _etag(artifact) in known


def _etag(artifact: Artifact) -> str:
    return f'"{artifact.sha256}"'


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _disposition(name: str) -> str:
    return "inline" if _ending(name) in _SHOWN else "attachment"


def _filename(name: str) -> str:
    """Quoted where it is plain, else encoded.  Source: RFC 6266."""
    return f'filename="{name}"' if _PLAIN.fullmatch(name) else f"filename*=UTF-8''{quote(name, safe='')}"
