"""How much of a request's head is read, and for how long; and refusals of what is no HTTP, as problems.

uvicorn bounds neither, and refuses in plain text.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.gateway.joined import JoinedWrites
from services.gateway.problems import ProblemDetails
from services.gateway.request_log import SECURITY_HEADERS

if TYPE_CHECKING:
    import asyncio

HEAD_BYTES_MAX: Final = 32 * 1024
"""Of the target and all headers together."""

_HEAD_S: Final = 10.0

_WHY: Final = {
    HTTPStatus.BAD_REQUEST: ("malformed-request", "This is no HTTP request."),
    HTTPStatus.REQUEST_TIMEOUT: ("request-timeout", f"The headers did not come within {_HEAD_S:.0f} s."),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        "headers-too-large",
        f"Target and headers have more than {HEAD_BYTES_MAX} bytes.",
    ),
}


class BoundedProtocol(HttpToolsProtocol):
    """One connection; its heads end within `HEAD_BYTES_MAX` and 10 s, or it does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._in_head = True
        self._is_too_large = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Wait for the first head."""
        super().connection_made(JoinedWrites(transport))  # type: ignore[arg-type]  # it does all that one does
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._end_head()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A head begins: its bytes are counted from the next ones on."""
        super().on_message_begin()
        self._begin_head()

    def on_headers_complete(self) -> None:
        """The head has ended.

        Raises:
            ValueError: it was too large; the parser hands it to `data_received` as an error of its own.
        """
        self._end_head()
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES_MAX:
            self._is_too_large = True
            raise ValueError("too large a head")
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Read on, unless there is too much of a head already and no end of it."""
        self._head_bytes += len(data) if self._in_head else 0
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, for which there are ours
        """What cannot be parsed, or was found to be too large while it was."""
        if self._is_too_large:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            self._refuse(HTTPStatus.BAD_REQUEST)

    def _begin_head(self) -> None:
        self._in_head = True
        self._cancel_deadline()
        self._deadline = self.loop.call_later(_HEAD_S, self._late)

    def _late(self) -> None:
        """A connection that a browser has opened ahead and not used is closed without a word."""
        if self._head_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _end_head(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._cancel_deadline()

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: HTTPStatus) -> None:
        self._end_head()
        kind, detail = _WHY[status]
        body = msgspec.json.encode(
            ProblemDetails(
                type=f"urn:podium:problem:{kind}",
                title=status.phrase,
                status=status,
                detail=detail,
                instance="",
            )
        )
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
            *SECURITY_HEADERS,
        ]
        head = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, status.phrase.encode(), head, body))
        self.transport.close()
