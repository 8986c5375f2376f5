"""An executor that stands still for longer than its lease loses its attempt; its late words are refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.e2e.scripted import SLUG, is_alive, marks_of, scripted
from tests.e2e.stack import wait_for
from tests.e2e.test_crashes import fold_and_row

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.stack import Stack

LEASE_S = 6.0
EXECUTORS = ("executor", "executor-2")

# Attempt 1 speaks until it is ended; attempt 2 succeeds once it may.
BODY = """
number = output.parts[-2]
(marks / f"{number}.pid").write_text(str(os.getpid()))
say("stage_started", stage="training")
if number == "2":
    wait_for(marks / "go")
    succeed()
    sys.exit()
step = 0
while True:
    step += 1
    say("stage_progressed", stage="training", fraction=0.5, message=f"step {step}")
    time.sleep(0.05)
"""


def test_a_paused_executor_loses_its_attempt_and_its_late_words_change_nothing(
    tmp_path: Path, database_url: str
) -> None:
    marks = marks_of(tmp_path)
    with scripted(
        tmp_path,
        database_url,
        BODY,
        parts=("gateway", "projector", "scheduler", *EXECUTORS),
        PODIUM_LEASE_S=str(LEASE_S),
        PODIUM_RETRY_DELAYS_S="0.2,0.2",
        PODIUM_EXECUTOR_ID="leases",
    ) as stack:
        job = stack.submit(SLUG)
        wait_for(lambda: "step" in message_of(stack, job), timeout_s=30, what=lambda: stack.status(job))
        first = attempts(stack, job)[0]["executor"]
        paused = next(name for name in EXECUTORS if stack.executor_id(name) == first)
        stack.pause(paused)
        wait_for((marks / "2.pid").exists, timeout_s=LEASE_S + 15, what=lambda: stack.status(job))
        assert is_alive(marks / "1.pid"), "an agent knows nothing of its executor's pause"
        stack.resume(paused)
        wait_for(lambda: not is_alive(marks / "1.pid"), timeout_s=15, what=lambda: stack.log_of(paused))
        (marks / "go").touch()
        view = stack.wait_ended(job, timeout_s=30)
        events = list(stack.events(job))
        folded, row = asyncio.run(fold_and_row(stack, job))
    assert view["status"] == "success"
    assert [attempt["status"] for attempt in view["attempts"]] == ["lost", "succeeded"]
    assert view["attempts"][0]["error"]["reason"] == "executor_lost"
    assert view["attempts"][1]["executor"] != first
    assert row == folded
    lost = next(place for place, event in enumerate(events) if event["type"] == "AttemptLost")
    assert events[lost]["silent_s"] > LEASE_S
    assert {event["attempt"] for event in events[lost + 1 :]} == {2}
    assert [event["attempt"] for event in events if event["type"] == "AttemptStarted"] == [1, 2]


def attempts(stack: Stack, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.status(job)["attempts"]
    return found


def message_of(stack: Stack, job: str) -> str:
    stages = stack.status(job)["stages"]
    return stages[-1]["message"] if stages else ""
