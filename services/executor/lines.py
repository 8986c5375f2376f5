"""Bytes into lines, and lines into what may stand in a log: whatever a process writes is untrusted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from events.progress import LINE_BYTES_MAX
from services.executor.redaction import redacted, without

if TYPE_CHECKING:
    from collections.abc import Iterable

# Control characters, of C0 and C1, and the marks that reverse the direction of writing.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
# A terminal's commands go whole, not only their first byte.
_TERMINAL_COMMAND: Final = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])")


class LineSplitter:
    """Cuts a stream of chunks into lines; what a line has beyond the limit is dropped."""

    def __init__(self, bytes_max: int = LINE_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that end in this chunk, without their newlines."""
        *ended, rest = chunk.split(b"\n")
        lines = []
        for part in ended:
            self._keep(part)
            lines.append(bytes(self._rest))
            self._rest.clear()
        self._keep(rest)
        return lines

    def flush(self) -> list[bytes]:
        """The last line, where it has no newline."""
        lines = [bytes(self._rest)] if self._rest else []
        self._rest.clear()
        return lines

    def _keep(self, part: bytes) -> None:
        self._rest += part[: self._bytes_max - len(self._rest)]


def printable(text: str, *, chars_max: int, secrets: Iterable[str] = ()) -> str:
    """The text on one line, without control characters and secrets, and no longer than allowed."""
    # Known secrets go before the cut, which could leave a part of one; it comes early because what looks for
    # the shape of others takes longer.  It comes again for the mark of the cut.
    text = _TERMINAL_COMMAND.sub("", without(text, secrets)[: 4 * chars_max])
    text = redacted(" ".join(_UNPRINTABLE.sub(" ", text).split()), secrets)
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"
