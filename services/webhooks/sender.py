"""Sends one webhook, and connects to no address that a webhook may not go to, whatever its name says."""

from __future__ import annotations

import errno
import socket
import time
from typing import TYPE_CHECKING, Final

import aiohttp

from services.webhooks.addresses import may_reach
from services.webhooks.rules import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from aiohappyeyeballs import AddrInfoType

    from services.webhooks.addresses import Network

_LINE_BYTES_MAX: Final = 8190
_ERROR_CHARS_MAX: Final = 200
_FORBIDDEN: Final = "its address is not one that webhooks may go to"


class ForbiddenAddressError(OSError):
    """The name of a receiver stands for an address that webhooks do not go to."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, _FORBIDDEN)


class Sender:
    """A client that follows no redirect, keeps no cookie, uses no proxy, and reads no body.

    The address is checked as the socket to it is made, after all names are resolved: between the check and
    the connection there is nothing that another answer of the DNS could change.
    """

    def __init__(self, *, answer_s_max: float, allowed: Sequence[Network]) -> None:
        self._allowed = allowed
        connector = aiohttp.TCPConnector(
            socket_factory=self._socket, force_close=True, use_dns_cache=False, limit=0
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=answer_s_max),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=_LINE_BYTES_MAX,
            max_field_size=_LINE_BYTES_MAX,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(self, url: str, body: str, headers: Mapping[str, str]) -> Answer:
        """What the receiver answered, or why it did not."""
        began = time.monotonic()
        status, error = None, None
        try:
            async with self._session.post(
                url, data=body.encode(), headers=headers, allow_redirects=False
            ) as answer:
                status = answer.status
        except TimeoutError:
            error = "no answer in time"
        except (aiohttp.ClientError, OSError, ValueError) as found:
            error = _words(found)
        return Answer(status=status, error=error, duration_ms=round((time.monotonic() - began) * 1000))

    def _socket(self, info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        if not may_reach(str(address[0]), self._allowed):
            raise ForbiddenAddressError
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


def _words(error: BaseException) -> str:
    """Why it failed, in short; where a check of ours is the reason, that and no more."""
    if _FORBIDDEN in str(error):
        return _FORBIDDEN
    return f"{type(error).__name__}: {error}"[:_ERROR_CHARS_MAX]
