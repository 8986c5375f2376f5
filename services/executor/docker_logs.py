"""A container's output from the Engine's log, entry by entry, across connections that break.

Read from the stored log and not by attaching: what was written while nobody listened is still there, so a
reader can go on where it stopped.  Source: Engine API, "Attach to a container", stream format.
"""

from __future__ import annotations

import calendar
import struct
import time
from asyncio import IncompleteReadError
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Protocol

    from services.log_line import StreamName

    class ByteStream(Protocol):
        """What can give an exact number of bytes: a response's content."""

        async def readexactly(self, n: int) -> bytes:
            """Exactly `n` bytes, or `IncompleteReadError`."""
            ...


_HEADER: Final = struct.Struct(">BxxxL")
_STREAMS: Final[dict[int, StreamName]] = {1: "stdout", 2: "stderr"}


async def entries(stream: ByteStream) -> AsyncIterator[tuple[StreamName, str, bytes]]:
    """(stream, time, bytes) of each log entry asked for with timestamps; ends where the connection does.

    An entry is a line with its newline, or a 16 KiB piece of a long one without.  What the Engine itself
    has to say counts as stderr.
    """
    try:
        while True:
            kind, size = _HEADER.unpack(await stream.readexactly(_HEADER.size))
            stamp, _, data = (await stream.readexactly(size)).partition(b" ")
            yield _STREAMS.get(kind, "stderr"), stamp.decode("ascii"), data
    except IncompleteReadError:
        return


class Place:
    """Where a reader of a log is: the time of the last entry, and how many of that time it has seen.

    The Engine gives all entries from a time on, so those seen of that very time come again.
    """

    def __init__(self) -> None:
        self._stamp = ""
        self._seen = 0
        self._again = 0

    @property
    def since(self) -> str:
        """The time to ask for, in seconds since 1970 with nanoseconds; "0" is the beginning."""
        return _unix(self._stamp) if self._stamp else "0"

    def resume(self) -> None:
        """The next entries come from a new request for `since`."""
        self._again = self._seen

    def is_new(self, stamp: str) -> bool:
        """Take in the next entry's time; False where the entry was seen before."""
        if stamp != self._stamp:
            self._stamp, self._seen, self._again = stamp, 1, 0
            return True
        if self._again:
            self._again -= 1
            return False
        self._seen += 1
        return True


def _unix(stamp: str) -> str:
    """``2024-05-01T10:00:00.000000001Z`` as ``1714557600.000000001``: no float holds that many digits."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    seconds = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))
    return f"{seconds}.{fraction or '0'}"
