"""What an attempt was refused at its way out, for its log: in a file for an executor that comes after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from pathlib import Path

TOLD_MAX: Final = 200

_log = structlog.get_logger(__name__)


class Told:
    """The refusals of one attempt, at most `TOLD_MAX`; `file` need not exist, its folder must."""

    def __init__(self, file: Path, name: str) -> None:
        self._file = file
        self._name = name
        self._told = file.read_text().splitlines() if file.exists() else []
        self._taken = 0

    def tell(self, what: str) -> None:
        """Take in one more refusal."""
        if len(self._told) >= TOLD_MAX:
            return
        _log.warning("egress_refused", container=self._name, what=what)
        last = len(self._told) == TOLD_MAX - 1
        line = "more than is told here" if last else what
        self._told.append(line)
        with self._file.open("a") as file:
            file.write(f"{line}\n")

    def take(self) -> list[str]:
        """What was refused since the last call, at first since the attempt's start."""
        new, self._taken = self._told[self._taken :], len(self._told)
        return new
