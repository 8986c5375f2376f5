"""How answers leave: what is written to a connection within one turn of the event loop goes out together.

A server that sends an answer's head and its body, or one event after another, by a system call each pays
for it twice: in its own time, and by waking the client for half an answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT_BYTES_MAX: Final = 65_536
"""More is handed on at once, for the transport beneath to say that it is too much."""


class JoinedWrites:
    """A transport in front of another one, which it hands all that was written in a turn at once.

    What it does not define is the other's.  Nothing is kept back past the turn, nor by a close.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._call_soon: Callable[..., object] = asyncio.get_running_loop().call_soon
        self._written: list[bytes] = []
        self._kept_bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send, at the end of this turn."""
        if not self._written:
            self._call_soon(self._flush)
        self._written.append(data)
        self._kept_bytes += len(data)
        if self._kept_bytes > _KEPT_BYTES_MAX:
            self._flush()

    def close(self) -> None:
        """Send what was written, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        written, self._written, self._kept_bytes = self._written, [], 0
        # Whoever should have read it may have hung up in this turn; uvloop takes that for a mistake of ours.
        if written and not self._transport.is_closing():
            self._transport.write(written[0] if len(written) == 1 else b"".join(written))
