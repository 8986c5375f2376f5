"""Who asked a proxy that speaks the standard's words, as those that uvicorn understands and judges.

Source: RFC 7239; what is in `Forwarded` becomes `X-Forwarded-For` and `X-Forwarded-Proto`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from litestar.enums import ScopeType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from litestar.types import ASGIApp, Receive, Scope, Send

_PAIR: Final = re.compile(
    r"""[ \t]*([\w!#$%&'*+.^`|~-]+)=(?:([\w!#$%&'*+.^`|~-]+)|"((?:[^"\\]|\\.)*)")[ \t]*(?:([;,])|$)""",
    re.ASCII,
)
_NODE: Final = re.compile(r"[\w.:\[\]-]+", re.ASCII)
_OURS: Final = frozenset({b"x-forwarded-for", b"x-forwarded-proto"})
_UNKNOWN: Final = "unknown"


def hops(value: str) -> list[dict[str, str]]:
    """What each proxy said, the nearest one last; nothing where it is not as the standard has it."""
    found: list[dict[str, str]] = [{}]
    place = 0
    while place < len(value):
        pair = _PAIR.match(value, place)
        if pair is None:
            return []
        name, token, quoted, end = pair.groups()
        found[-1][name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if token is None else token
        place = pair.end()
        if end == ",":
            found.append({})
    return found if value and found[-1] else []


def translated(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """The headers, where those that uvicorn reads say what `Forwarded` says, and nothing of their own.

    A node that is no address is one that nobody trusts; https at any hop makes it https.
    """
    said: list[str] = []
    for name, value in headers:
        if name not in _OURS:
            yield name, value
        if name == b"forwarded":
            said.append(value.decode("latin-1"))
    told = hops(", ".join(said))
    if told:
        nodes = [hop.get("for", _UNKNOWN) for hop in told]
        plain = [node if _NODE.fullmatch(node) else _UNKNOWN for node in nodes]
        yield b"x-forwarded-for", ", ".join(plain).encode()
    if any(hop.get("proto", "").lower() == "https" for hop in told):
        yield b"x-forwarded-proto", b"https"


class Forwarded:
    """An ASGI layer in front of uvicorn's, which believes nobody but trusted proxies."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == ScopeType.HTTP:
            scope["headers"] = list(translated(scope["headers"]))
        await self._app(scope, receive, send)
