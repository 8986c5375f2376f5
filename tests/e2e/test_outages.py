"""A server goes away for a while: the rest goes on, and on its return all is as if it had been there."""

from __future__ import annotations

import asyncio
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from cli.embedded.servers import free_port, valkey_command
from tests.e2e.database import own_postgres
from tests.e2e.scripted import SLUG, marks_of, scripted
from tests.e2e.stack import wait_for
from tests.e2e.test_crashes import fold_and_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.database import KillablePostgres
    from tests.e2e.stack import Stack

SLOW, QUICK = 60, 30

# A slow job waits for the test's leave in the middle of its stage.
BODY = f"""
say("stage_started", stage="training")
if os.environ["PODIUM_BUDGET_S"] == "{SLOW}":
    wait_for(marks / output.parts[-3])
model("m")
succeed()
"""


class Redis:
    """A Valkey that a test can kill and start again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.start()

    def start(self) -> None:
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(valkey_command(self._folder, self._port), stdout=log, stderr=log)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Servers:
    """What a test may take away, and the stack that goes on."""

    def __init__(self, stack: Stack, postgres: KillablePostgres, redis: Redis) -> None:
        self.stack = stack
        self.postgres = postgres
        self.redis = redis

    def state(self) -> dict[str, str]:
        answer = self.stack.http.get("/health/ready").json()
        found: dict[str, str] = answer.get("checks", answer)
        return found

    def wait_state(self, **wanted: str) -> None:
        wait_for(lambda: self.state() == wanted, timeout_s=20, what=self.state)


ALL_UP = {"nats": "up", "postgres": "up", "redis": "up"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    home = tmp_path_factory.mktemp("outages")
    (home / "redis").mkdir()
    redis = Redis(home / "redis")
    with (
        own_postgres() as (postgres, url),
        scripted(
            home,
            url,
            BODY,
            REDIS_URL=redis.url,
            PODIUM_SUBMITS_PER_MINUTE="1000",
            PODIUM_EXECUTOR_ID="outages",
        ) as stack,
    ):
        yield Servers(stack, postgres, redis)
        assert stack.ended() == [], "a part that ends has not outlived the outage"
    redis.kill()


def assert_works(stack: Stack) -> None:
    assert stack.wait_ended(stack.submit(SLUG, QUICK), timeout_s=30)["status"] == "success"


def test_without_postgres_jobs_run_and_are_watched_and_rows_come_later(servers: Servers) -> None:
    stack = servers.stack
    servers.wait_state(**ALL_UP)
    slow = stack.submit(SLUG, SLOW)
    servers.postgres.kill()
    job = stack.submit(SLUG, QUICK)
    types = [event["type"] for event in stack.events(job)]
    assert (types[0], types[-1]) == ("JobRequested", "JobSucceeded")
    assert stack.status(job)["status"] == "success"
    assert stack.http.get(f"/jobs/{job}/files/submission.csv").status_code == 200
    refused = stack.http.get("/jobs")
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:podium:problem:unavailable")
    assert servers.state() == {**ALL_UP, "postgres": "down"}
    (marks_of(stack.home) / slow).touch()
    assert stack.wait_ended(slow, timeout_s=30)["status"] == "success"

    servers.postgres.start()
    servers.wait_state(**ALL_UP)
    for each in (job, slow):
        folded, row = asyncio.run(fold_and_row(stack, each))
        assert row == folded
    assert {job, slow} <= {one["job_id"] for one in stack.http.get("/jobs").json()["jobs"]}


def test_without_redis_requests_are_served(servers: Servers) -> None:
    servers.wait_state(**ALL_UP)
    servers.redis.kill()
    began = time.monotonic()
    assert_works(servers.stack)
    assert time.monotonic() - began < 10
    assert servers.state() == {**ALL_UP, "redis": "down"}
    servers.redis.start()
    servers.wait_state(**ALL_UP)
    assert_works(servers.stack)


def test_without_nats_nothing_is_taken_and_all_goes_on_later(servers: Servers) -> None:
    stack = servers.stack
    servers.wait_state(**ALL_UP)
    slow = stack.submit(SLUG, SLOW)
    wait_for(lambda: stack.status(slow)["stage"] is not None, timeout_s=20, what=lambda: stack.status(slow))
    before = known(stack)
    stack.nats.kill()
    servers.wait_state(**{**ALL_UP, "nats": "down"})
    began = time.monotonic()
    for _ in range(3):
        answer = stack.http.post("/run", json={"kaggle_url": f"local:{SLUG}"})
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:podium:problem:unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
    assert stack.cancel(slow) == 503
    assert time.monotonic() - began < 3, "a refusal is quick"
    assert stack.status(slow)["status"] == "running"
    # The agent ends while its executor has nobody to tell.
    (marks_of(stack.home) / slow).touch()
    time.sleep(1)

    stack.nats.start()
    servers.wait_state(**ALL_UP)
    view = stack.wait_ended(slow, timeout_s=30)
    assert (view["status"], view["cancel_requested"], len(view["attempts"])) == ("success", False, 1)
    folded, row = asyncio.run(fold_and_row(stack, slow))
    assert row == folded
    assert known(stack) == before, "what was refused was not half done"
    assert_works(stack)


def known(stack: Stack) -> set[Any]:
    return {job["job_id"] for job in stack.http.get("/jobs", params={"limit": 100}).json()["jobs"]}
