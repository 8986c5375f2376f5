"""What a proxy is asked for: a tunnel (CONNECT), or a plain request in absolute form.  Pure.

Source: RFC 9112, 3.2.2 and 3.2.3; RFC 9110, 7.6.1.
"""

from __future__ import annotations

from typing import Final

import httptools
import msgspec

from services.executor.egress import Endpoint, RefusedError, endpoint

_OF_THIS_HOP: Final = {b"connection", b"host", b"keep-alive", b"te", b"upgrade"}


class ProxyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Where to, and the head to send there; None for a tunnel, which has no head of ours."""

    endpoint: Endpoint
    head: bytes | None


class _Head:
    """Takes in what the parser finds."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))


def read_request(head: bytes) -> ProxyRequest:
    """The request with this head, which ends in an empty line.

    A plain request is made one without a successor: what comes after it on its connection can only go where
    it went.

    Raises:
        RefusedError: it is none that a proxy serves.
    """
    found = _Head()
    parser = httptools.HttpRequestParser(found)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:  # how the parser says CONNECT
        pass
    except httptools.HttpParserError:
        raise _malformed() from None
    method = parser.get_method()
    if method == b"CONNECT":
        return ProxyRequest(endpoint=endpoint(found.url.decode("ascii", "replace")), head=None)
    try:
        url = httptools.parse_url(found.url)
    except httptools.HttpParserInvalidURLError:
        raise _malformed() from None
    if url.schema != b"http" or not url.host:
        raise _malformed()
    # The parser takes the brackets off an IPv6 address.
    host = b"[%b]" % url.host if b":" in url.host else url.host
    authority = b"%b:%d" % (host, url.port or 80)
    target = (url.path or b"/") + (b"?" + url.query if url.query else b"")
    kept = [
        b"%b: %b" % header
        for header in found.headers
        if header[0].lower() not in _OF_THIS_HOP and not header[0].lower().startswith(b"proxy-")
    ]
    lines = [b"%b %b HTTP/1.1" % (method, target), b"Host: " + authority, *kept, b"Connection: close"]
    return ProxyRequest(
        endpoint=endpoint(authority.decode("ascii", "replace")), head=b"\r\n".join([*lines, b"", b""])
    )


def _malformed() -> RefusedError:
    return RefusedError("a request is none that a proxy serves", status=400)
