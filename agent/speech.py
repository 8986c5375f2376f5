"""The agent's voice: messages onto its standard output, one line each, and nothing else."""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from events.progress import Stage, StageCompleted, StageProgressed, StageStarted, encode_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from events.progress import Message

    Say: TypeAlias = Callable[[Message], None]
    Progress: TypeAlias = Callable[[float, str], None]


def speaker(out: BinaryIO, *, nonce: str) -> Say:
    """A function that writes each message at once: whoever follows the attempt sees it as it happens.

    Messages are numbered from 1 and carry the nonce, by which the executor knows that they are ours.
    """
    numbers = count(1)

    def say(message: Message) -> None:
        out.write(encode_line(message, nonce=nonce, number=next(numbers)))
        out.flush()

    return say


class Narrator:
    """Says how far one stage has come; the fraction never falls and stays within 0..1.

    `summary` is what the stage found or made, in a sentence, for its end.
    """

    def __init__(self, stage: Stage, say: Say) -> None:
        self.summary = ""
        self._stage = stage
        self._say = say
        self._fraction = 0.0

    def __call__(self, fraction: float, message: str) -> None:
        """Say that `fraction` of the stage is done; a smaller one than before counts as the one before."""
        self._fraction = min(1.0, max(self._fraction, fraction))
        self._say(StageProgressed(stage=self._stage, fraction=round(self._fraction, 4), message=message))

    def part(self, start: float, end: float) -> Progress:
        """A progress function for a step of the stage: its 0..1 is the stage's start..end."""
        return lambda fraction, message: self(start + fraction * (end - start), message)


@contextmanager
def stage(name: Stage, say: Say, seconds: dict[str, float]) -> Iterator[Narrator]:
    """Say that a stage starts and, where it ends without an error, that it is complete.

    What it took is put into `seconds` under its name.
    """
    started = time.monotonic()
    say(StageStarted(stage=name))
    narrator = Narrator(name, say)
    yield narrator
    seconds[name] = time.monotonic() - started
    say(StageCompleted(stage=name, summary=narrator.summary))
