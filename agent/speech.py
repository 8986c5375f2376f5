"""The agent's voice: messages onto its standard output, one line each, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from events.progress import Stage, StageProgressed, encode_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from events.progress import Message

    Say: TypeAlias = Callable[[Message], None]


def speaker(out: BinaryIO) -> Say:
    """A function that writes each message at once: whoever follows the attempt sees it as it happens."""

    def say(message: Message) -> None:
        out.write(encode_line(message))
        out.flush()

    return say


class Narrator:
    """Says how far one stage has come; the fraction never falls and stays within 0..1."""

    def __init__(self, stage: Stage, say: Say) -> None:
        self._stage = stage
        self._say = say
        self._fraction = 0.0

    def __call__(self, fraction: float, message: str) -> None:
        """Say that `fraction` of the stage is done; a smaller one than before counts as the one before."""
        self._fraction = min(1.0, max(self._fraction, fraction))
        self._say(StageProgressed(stage=self._stage, fraction=round(self._fraction, 4), message=message))
