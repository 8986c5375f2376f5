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
MEDIA_TYPES: Final = frozenset(_TYPES.values())
_SHOWN: Final = frozenset({".html", ".json", ".log", ".md", ".png", ".svg", ".txt"})
_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]+")

POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
"""The files were written by generated code: no script, no request, no origin; only our page frames them."""


class RangeError(Exception):
    """There are no such bytes in the file."""


def content_type(name: str) -> str:
    """The media type that a file's name stands for; Litestar adds the charset to text."""
    return _TYPES.get(_ending(name), "application/octet-stream")


def headers_of(artifact: Artifact) -> dict[str, str]:
    """Disposition, ETag (the SHA-256) and policy of a file."""
    return {
        "Content-Disposition": f"{_disposition(artifact.name)}; {_filename(artifact.name)}",
        "ETag": _etag(artifact),
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-cache",
        "Content-Security-Policy": POLICY,
        "X-Frame-Options": "SAMEORIGIN",
    }


def is_known(artifact: Artifact, if_none_match: str | None) -> bool:
    """The client has these very bytes.  Source: RFC 9110, section 13.1.2."""
    known = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
    return "*" in known or _etag(artifact) in known


def part_of(size: int, given: str | None) -> range | None:
    """The bytes of a file that a Range header asks for; None where it asks for no one part that we serve.

    Several parts, or another unit than bytes, count as nothing asked for: the whole file is always right.
    Source: RFC 9110, section 14.2.

    Raises:
        RangeError: the part lies outside of the file.
    """
    found = _RANGE.fullmatch((given or "").strip())
    if found is None or found[0] == "bytes=-":
        return None
    first, last = found[1], found[2]
    if not first:
        part = range(max(0, size - int(last)), size)
    else:
        part = range(int(first), min(size, int(last) + 1) if last else size)
    if last and first and int(last) < int(first):
        return None
    if not part:
        raise RangeError
    return part


def is_current(artifact: Artifact, if_range: str | None) -> bool:
    """A part may be sent: the client's other parts are of these very bytes.  RFC 9110, section 13.1.5."""
    return if_range is None or if_range.strip() == _etag(artifact)


def _etag(artifact: Artifact) -> str:
    return f'"{artifact.sha256}"'


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _disposition(name: str) -> str:
    return "inline" if _ending(name) in _SHOWN else "attachment"


def _filename(name: str) -> str:
    """Quoted where it is plain, else encoded.  Source: RFC 6266."""
    return f'filename="{name}"' if _PLAIN.fullmatch(name) else f"filename*=UTF-8''{quote(name, safe='')}"
