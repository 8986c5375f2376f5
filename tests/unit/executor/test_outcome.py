"""Every way an attempt can end, and what it is called."""

from __future__ import annotations

import pytest

from events.job import Failure
from events.progress import Failed, Succeeded
from services.executor.outcome import Ending, conclude
from services.executor.runtime import Exit

WELL = Succeeded(
    competition="t",
    task="binary",
    metric="accuracy",
    maximize=True,
    score=0.8,
    fold_scores=(0.8,),
    artifacts=("submission.csv",),
)
BADLY = Failed(reason="rules_not_accepted", message="Accept the rules.", retryable=False)
TROUBLE = Failure(reason="docker_unavailable", message="away", retryable=True)


def ending(**known: object) -> Ending:
    nothing = {
        "exit": Exit(code=0, out_of_memory=False),
        "cause": None,
        "last_word": None,
        "trouble": None,
        "stderr_line": "",
        "limit_s": 7200.0,
        "disk_bytes_max": 10**9,
    }
    return Ending(**(nothing | known))


def code(number: int, *, out_of_memory: bool = False) -> Exit:
    return Exit(code=number, out_of_memory=out_of_memory)


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"exit": code(139)},
        {"exit": code(143), "cause": "lingering"},
        {"exit": code(143), "cause": "time_limit"},
        {"exit": code(143), "cause": "executor_stopped"},
        {"exit": None, "trouble": TROUBLE},
    ],
)
def test_a_reported_success_counts_however_the_process_ended(known: dict[str, object]) -> None:
    assert conclude(ending(last_word=WELL, **known)) is WELL


@pytest.mark.parametrize(
    ("known", "reason", "retryable"),
    [
        ({"exit": code(1)}, "container_crashed", True),
        ({"exit": code(0)}, "container_crashed", True),
        ({"exit": code(137)}, "container_crashed", True),
        ({"exit": code(137, out_of_memory=True)}, "out_of_memory", True),
        ({"exit": code(1), "last_word": BADLY}, "rules_not_accepted", False),
        ({"exit": code(137, out_of_memory=True), "last_word": BADLY}, "rules_not_accepted", False),
        ({"exit": code(143), "cause": "time_limit"}, "time_limit", False),
        ({"exit": code(1), "cause": "time_limit", "last_word": BADLY}, "time_limit", False),
        ({"exit": code(143), "cause": "disk_full", "last_word": BADLY}, "disk_full", False),
        ({"exit": code(143), "cause": "executor_stopped"}, "executor_stopped", True),
        ({"exit": code(1), "cause": "executor_stopped", "last_word": BADLY}, "executor_stopped", True),
        ({"exit": code(143), "cause": "cancelled"}, "cancelled", False),
        ({"exit": code(0), "cause": "cancelled", "last_word": WELL}, "cancelled", False),
        ({"exit": code(0), "cause": "cancelled", "last_word": BADLY}, "cancelled", False),
        ({"exit": None, "trouble": TROUBLE, "cause": "cancelled"}, "cancelled", False),
        ({"exit": None, "trouble": TROUBLE}, "docker_unavailable", True),
        ({"exit": code(1), "cause": "lingering", "last_word": BADLY}, "rules_not_accepted", False),
    ],
)
def test_a_failure_is_called_what_it_is(known: dict[str, object], reason: str, retryable: bool) -> None:
    found = conclude(ending(**known))
    assert isinstance(found, Failure)
    assert (found.reason, found.retryable) == (reason, retryable)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (3, "with exit code 3"),
        (-9, "by SIGKILL (exit code -9)"),
        (139, "by SIGSEGV (exit code 139)"),
        (128, "with exit code 128"),
        (255, "with exit code 255"),
    ],
)
def test_a_crash_says_how_and_what_was_said_last(number: int, words: str) -> None:
    found = conclude(ending(exit=code(number), stderr_line="ValueError: no"))
    assert isinstance(found, Failure)
    assert (
        found.message
        == f"The agent's process ended {words} without a last word; its last line was: ValueError: no"
    )
