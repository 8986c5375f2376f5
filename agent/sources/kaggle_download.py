"""One file from Kaggle to disk: in pieces, counted, and taken up again where a connection broke."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import requests

from agent.errors import CompetitionError
from agent.sources.kaggle_client import CutShortError

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK_BYTES: Final = 256 * 1024


class Transfer:
    """The state of one download, kept over its tries.

    `ask` gives a fresh response from Kaggle's client (a redirect to a signed address, followed);
    `on_bytes(received, size)` is called after each piece, `size` is None where the server does not say.
    """

    def __init__(
        self,
        ask: Callable[[], requests.Response],
        path: Path,
        *,
        bytes_max: int,
        timeout_s: float,
        on_bytes: Callable[[int, int | None], None],
    ) -> None:
        self._ask = ask
        self._path = path
        self._bytes_max = bytes_max
        self._timeout_s = timeout_s
        self._on_bytes = on_bytes
        self._first: requests.Response | None = None
        self.received = 0

    def run(self) -> str:
        """Fetch what is missing; the file's name on the server, which may add ``.zip`` to the one asked for.

        Raises requests.RequestException or CutShortError where another call may go on, and CompetitionError
        ``competition_too_large`` where more comes than was listed and allowed.
        """
        with closing(self._response()) as response:
            if response.status_code != requests.codes.partial_content:
                self._first, self.received = response, 0
            with self._path.open("ab" if self.received else "wb") as sink:
                for chunk in response.iter_content(_CHUNK_BYTES):
                    self._count(len(chunk))
                    sink.write(chunk)
                    self._on_bytes(self.received, self._size())
        if self._size() not in (None, self.received):
            raise CutShortError(f"{self._path.name} was cut after {self.received} of {self._size()} bytes")
        return "" if self._first is None else PurePosixPath(unquote(urlsplit(self._first.url).path)).name

    def _size(self) -> int | None:
        return None if self._first is None else _size(self._first)

    def _response(self) -> requests.Response:
        """The rest of the file where the server can prove that it is the same file, else all of it."""
        first = self._first
        validator = None if first is None else _validator(first)
        if first is None or validator is None or self.received == 0:
            return self._ask()
        headers = {**first.request.headers, "Range": f"bytes={self.received}-", "If-Range": validator}
        response = requests.get(first.url, headers=headers, stream=True, timeout=self._timeout_s)
        starts = response.headers.get("Content-Range", "").startswith(f"bytes {self.received}-")
        partial = response.status_code == requests.codes.partial_content
        if (partial and starts) or response.status_code == requests.codes.ok:
            return response
        response.close()
        self._first = None
        raise CutShortError(f"{self._path.name}: the address of the rest answers {response.status_code}")

    def _count(self, chunk_bytes: int) -> None:
        self.received += chunk_bytes
        if self.received > self._bytes_max:
            message = f"{self._path.name} is larger than the {self._bytes_max} bytes that are allowed."
            raise CompetitionError("competition_too_large", message)


def _size(response: requests.Response) -> int | None:
    """The bytes to come; None for a body that is compressed on its way, whose length says nothing."""
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() and "Content-Encoding" not in response.headers else None


def _validator(response: requests.Response) -> str | None:
    """What proves that a rest is of the same file (RFC 9110, 13.1.5), where a rest can be asked for."""
    get = response.headers.get
    etag = get("ETag", "")
    resumable = response.request.method == "GET" and get("Accept-Ranges") == "bytes" and _size(response)
    return (etag if etag and not etag.startswith("W/") else get("Last-Modified")) if resumable else None
