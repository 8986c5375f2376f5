"""A cancelled job ends soon, whatever it was doing, and of a cancel and a success one wins for everybody."""

from __future__ import annotations

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.database import own_database
from tests.e2e.scripted import SLUG, is_alive, marks_of, scripted
from tests.e2e.stack import wait_for
from tests.e2e.test_crashes import fold_and_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.stack import Stack

CAP = 3
LONG, QUICK = 60, 30
HAMMERED = 10
END_S = 10.0
"""How long a running job may take to end once its cancellation was asked for."""

# The agent of a long job is deaf to SIGTERM and has a child that has left its session.
BODY = f"""
(marks / output.parts[-3]).write_text(str(os.getpid()))
say("stage_started", stage="training")
if os.environ["PODIUM_BUDGET_S"] == "{LONG}":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    (marks / f"{{output.parts[-3]}}.child").write_text(str(child.pid))
    time.sleep(600)
time.sleep(0.3)
succeed()
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Stack]:
    """One stack for all tests of this module, each of which leaves no job behind."""
    home = tmp_path_factory.mktemp("cancel")
    with (
        own_database(postgres_url) as database_url,
        scripted(
            home, database_url, BODY, PODIUM_MAX_RUNNING=str(CAP), PODIUM_EXECUTOR_ID="cancel"
        ) as running,
    ):
        yield running


def test_a_queued_job_ends_at_once_and_running_ones_soon(stack: Stack) -> None:
    marks = marks_of(stack.home)
    running = [stack.submit(SLUG, LONG) for _ in range(CAP)]
    children = [marks / f"{job}.child" for job in running]
    wait_for(lambda: all(map(is_alive, children)), timeout_s=30, what=lambda: stack.log_of("executor"))

    queued = stack.submit(SLUG, LONG)
    assert stack.cancel(queued) == 202
    view = stack.wait_ended(queued, timeout_s=3)
    assert (view["status"], view["attempts"]) == ("cancelled", [])
    assert stack.cancel(queued) == 409

    began = time.monotonic()
    assert [stack.cancel(job) for job in running] == [202] * CAP
    assert [stack.cancel(job) for job in running] == [202] * CAP, "asking twice does no harm"
    views = [stack.wait_ended(job, timeout_s=END_S) for job in running]
    assert time.monotonic() - began < END_S
    assert not any(map(is_alive, [*children, *(marks / job for job in running)]))
    for job, view in zip(running, views, strict=True):
        assert view["status"] == "cancelled"
        [attempt] = view["attempts"]
        assert attempt["error"]["reason"] == "cancelled"
        assert types_of(list(stack.events(job))).count("JobCancelRequested") == 1
        assert not list(stack.home.glob(f"work-*/attempts/{job}"))


def test_a_cancel_that_races_a_success_has_one_winner_for_everybody(stack: Stack) -> None:
    with ThreadPoolExecutor(HAMMERED) as pool:
        raced = list(pool.map(lambda number: race(stack, number), range(HAMMERED)))
    statuses = []
    for job, answer, seen in raced:
        types = types_of(seen)
        status, last = {
            "JobCancelled": ("cancelled", "JobCancelled"),
            "JobSucceeded": ("success", "JobSucceeded"),
        }[types[-1]]
        cancelled_first = "JobCancelRequested" in types and (
            "AttemptSucceeded" not in types
            or types.index("JobCancelRequested") < types.index("AttemptSucceeded")
        )
        assert status == ("cancelled" if cancelled_first else "success"), types
        assert answer == (202 if "JobCancelRequested" in types else 409)
        again = list(stack.events(job))
        assert (again, types_of(again)[-1]) == (seen, last)
        folded, row = asyncio.run(fold_and_row(stack, job))
        view = stack.status(job)
        assert row == folded
        assert (folded.status, view["status"], view["sequence"]) == (status, status, folded.sequence)
        file = stack.http.get(f"/jobs/{job}/files/submission.csv")
        assert file.status_code == (200 if status == "success" else 404)
        statuses.append(status)
    assert set(statuses) == {"success", "cancelled"}


def race(stack: Stack, number: int) -> tuple[str, int, list[dict[str, Any]]]:
    """A quick job, cancelled around its end: its id, what the cancel was answered, the events as seen.

    The first is cancelled before it can end, the last after its attempt has succeeded.
    """
    trigger = {0: "JobRequested", HAMMERED - 1: "AttemptSucceeded"}.get(number, "StageStarted")
    job = stack.submit(SLUG, QUICK)
    answer, seen = 0, []
    for event in stack.events(job):
        seen.append(event)
        if event["type"] == trigger and not answer:
            if trigger == "StageStarted":
                time.sleep(random.uniform(0.2, 0.6))
            answer = stack.cancel(job)
    return job, answer, seen


def types_of(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]
