"""One last word, in time: the best that there is, whatever the steps are at."""

from __future__ import annotations

import threading
import time

import msgspec

from agent.last_word import TOO_LATE, LastWord
from events.progress import Message, Succeeded

GOOD = Succeeded(
    competition="c", task="binary", metric="auc", maximize=True, score=0.9, fold_scores=(), artifacts=()
)
BETTER = msgspec.structs.replace(GOOD, score=0.95)


def watched(last: LastWord, *, in_s: float) -> tuple[list[int], threading.Event]:
    codes: list[int] = []
    left = threading.Event()

    def leave(code: int) -> None:
        codes.append(code)
        left.set()

    last.watch(time.monotonic() + in_s, leave)
    return codes, left


def test_whoever_hangs_is_spoken_for_with_the_best_so_far() -> None:
    said: list[Message] = []
    last = LastWord(said.append)
    last.keep(BETTER, lambda: None)
    last.offer(GOOD)
    codes, left = watched(last, in_s=0.05)
    assert left.wait(5)
    assert (said, codes) == ([BETTER], [0])
    last.say(GOOD)
    assert said == [BETTER]


def test_with_nothing_to_show_it_is_a_failure_that_may_be_tried_again() -> None:
    said: list[Message] = []
    codes, left = watched(LastWord(said.append), in_s=0.0)
    assert left.wait(5)
    assert (said, codes) == ([TOO_LATE], [1])


def test_after_the_last_word_nobody_leaves() -> None:
    said: list[Message] = []
    last = LastWord(said.append)
    last.say(GOOD)
    _, left = watched(last, in_s=0.0)
    assert not left.wait(0.2)
    assert said == [GOOD]


def test_a_result_counts_from_when_its_files_are_in_place() -> None:
    said: list[Message] = []
    last = LastWord(said.append)
    left: list[threading.Event] = []

    def place_slowly() -> None:
        left.append(watched(last, in_s=0.0)[1])
        assert not left[0].wait(0.2)

    last.keep(GOOD, place_slowly)
    assert left[0].wait(5)
    assert said == [GOOD]
