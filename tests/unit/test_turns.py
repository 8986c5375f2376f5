"""Turns: beside each other, or alone, and nobody who waits to be alone is passed by for ever."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING

from tests.turns import turn

if TYPE_CHECKING:
    from pathlib import Path


class Taker:
    """Takes a turn in a thread and keeps it until told."""

    def __init__(self, folder: Path, *, alone: bool) -> None:
        self.has_it, self.may_end = Event(), Event()
        self.thread = Thread(target=self._run, args=(folder, alone))
        self.thread.start()

    def _run(self, folder: Path, alone: bool) -> None:
        with turn(folder, alone=alone):
            self.has_it.set()
            self.may_end.wait(30)

    def end(self) -> None:
        """Give the turn back."""
        self.may_end.set()
        self.thread.join(30)


def test_two_run_beside_each_other_and_one_alone_after_both_and_before_the_next(tmp_path: Path) -> None:
    first, second = (Taker(tmp_path, alone=False) for _ in range(2))
    assert first.has_it.wait(30)
    assert second.has_it.wait(30)
    alone = Taker(tmp_path, alone=True)
    first.end()
    assert not alone.has_it.wait(0.2)
    late = Taker(tmp_path, alone=False)
    assert not late.has_it.wait(0.2)
    second.end()
    assert alone.has_it.wait(30)
    assert not late.has_it.is_set()
    alone.end()
    assert late.has_it.wait(30)
    late.end()
