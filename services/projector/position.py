"""Whether rows and log belong together, purely: how far the rows are, and which log they were folded from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from events.log import Extent

REMEDY: Final = (
    "Put the log back as it was, or, if it is gone for good, fold the rows from the one there is:"
    " podium projection rebuild"
)


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Every event up to `sequence` of the log `log` is in the rows (None: of a log not known by name)."""

    sequence: int
    log: str | None


class LogReplacedError(Exception):
    """The rows hold events that the log does not: it was wiped, replaced, or has lost its end."""


def check_name(position: Position, extent: Extent) -> None:
    """See that the rows were folded from a log of this name.

    Raises:
        LogReplacedError: they were not; `REMEDY` says what to do.
    """
    if position.log not in {None, extent.identity}:
        raise LogReplacedError(
            f"the rows were folded from the log made at {position.log}, but this one was made"
            f" at {extent.identity}"
        )


def check(position: Position, extent: Extent) -> None:
    """See that the rows were folded from this log; `extent` was asked for after `position`, which moves.

    Raises:
        LogReplacedError: they were not; the message says how that shows, and `REMEDY` what to do.
    """
    check_name(position, extent)
    if position.sequence > extent.last:
        raise LogReplacedError(
            f"the rows hold events up to {position.sequence}, but the log ends at {extent.last}"
        )
