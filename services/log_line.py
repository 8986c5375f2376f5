"""A line that an attempt's processes wrote, as it is stored and served."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec

StreamName: TypeAlias = Literal["stdout", "stderr"]


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line, cleaned: no secret, no control character.

    `number` counts the lines of an attempt from 1; `time` is when the executor read it.
    """

    attempt: int
    number: int
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    stream: StreamName
    text: str

    @property
    def place(self) -> tuple[int, int]:
        """Where the line stands among those of its job."""
        return self.attempt, self.number


def decode(payload: bytes) -> LogLine:
    """The line in a message of the stream."""
    return msgspec.json.decode(payload, type=LogLine)
