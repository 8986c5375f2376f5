"""Server-sent events out of a stream of bytes, as the HTML standard reads them; pure.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE: Final = re.compile(r"([^\r\n]*)(\r\n|\n|\r(?!$))")
"""A line and its end; a carriage return that ends the text may be half of an end that is still to come."""


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One event: its name, its data, and the last id that the stream has named (empty before the first)."""

    name: str
    data: str
    last_id: str


class Parser:
    """Takes bytes in pieces of any size and gives the frames that they complete."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._text = ""
        self._last_id = ""
        self._name = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """The frames that end in this piece."""
        self._text += self._decoder.decode(piece)
        end = 0
        for found in _LINE.finditer(self._text):
            end = found.end()
            if found[1]:
                self._take(found[1])
            elif (frame := self._dispatch()) is not None:
                yield frame
        self._text = self._text[end:]

    def _take(self, line: str) -> None:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        elif field == "id" and "\0" not in value:
            self._last_id = value

    def _dispatch(self) -> Frame | None:
        name, data = self._name, self._data
        self._name, self._data = "", []
        if not data:
            return None
        return Frame(name=name or "message", data="\n".join(data), last_id=self._last_id)
