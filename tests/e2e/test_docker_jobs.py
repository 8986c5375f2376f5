"""The whole way, in real containers: a request over HTTP, live stages over SSE, a graded submission."""

from __future__ import annotations

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from events.progress import STAGES
from tests.e2e.conftest import SHARED, grade
from tests.e2e.stack import running
from tests.unit.executor.stage import PRELUDE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.e2e.stack import Stack

pytestmark = pytest.mark.docker

SLUGS = ("telco-customer-churn", "ames-home-sale-price")


@pytest.fixture
def docker_stack(home: Path, database_url: str, docker_image: str) -> Any:
    with running(home, database_url, PODIUM_RUNTIME="docker", PODIUM_AGENT_IMAGE=docker_image) as stack:
        yield stack


@pytest.mark.timeout(240)
def test_two_competitions_are_solved_while_their_stages_are_watched(
    docker_stack: Stack, shared_competition: Callable[[str], Path], tmp_path: Path
) -> None:
    for slug in SLUGS:
        shared_competition(slug)
    jobs = {slug: docker_stack.submit(slug) for slug in SLUGS}
    with ThreadPoolExecutor() as pool:
        watched = dict(zip(SLUGS, pool.map(lambda slug: watch(docker_stack, jobs[slug]), SLUGS), strict=True))
    for slug, (events, lags) in watched.items():
        sequences = [event["sequence"] for event in events]
        assert sequences == sorted(set(sequences))
        assert [event["stage"] for event in events if event["type"] == "StageStarted"] == list(STAGES)
        assert events[-1]["type"] == "JobSucceeded"
        # Live: each event came within a second of its own time, not in a heap at the end.
        assert max(lags) < 1.5, sorted(lags)[-5:]
        assert sum(event["type"] == "StageProgressed" for event in events) >= 8

        view = docker_stack.status(jobs[slug])
        assert view["status"] == "success"
        submission = tmp_path / f"{slug}.csv"
        submission.write_bytes(docker_stack.http.get(f"/jobs/{jobs[slug]}/files/submission.csv").content)
        verdict = grade(slug, submission)
        assert verdict["valid"], verdict
        sample = json.loads((SHARED / "baselines.json").read_text())[slug]["sample"]
        gain = verdict["score"] - sample if verdict["direction"] == "maximize" else sample - verdict["score"]
        assert gain > 0.2, verdict
        # The score that Podium computed out of fold agrees with the answers it has never seen.
        assert view["score"] == pytest.approx(verdict["score"], rel=0.25)
    assert leftovers() == ""


def watch(stack: Stack, job_id: str) -> tuple[list[dict[str, Any]], list[float]]:
    """The job's events as they came, and how many seconds old each was."""
    from datetime import datetime

    events, lags = [], []
    for event in stack.events(job_id):
        events.append(event)
        lags.append(time.time() - datetime.fromisoformat(event["time"]).timestamp())
    return events, lags


@pytest.fixture
def brief_image(docker_image: str) -> Iterator[str]:
    """An agent that is done in a few seconds: containers are counted here, not models."""
    tag = "podium-test-brief:local"
    script = f"{PRELUDE}\ntime.sleep(2)\nsucceed()\n"
    command = json.dumps(["python3", "-I", "-S", "-c", script])
    dockerfile = f"FROM {docker_image}\nENTRYPOINT {command}\n"
    subprocess.run(["docker", "build", "-q", "-t", tag, "-"], input=dockerfile.encode(), check=True)
    yield tag
    subprocess.run(["docker", "rmi", "-f", tag], capture_output=True, check=True)


def test_fifteen_jobs_at_once_never_run_more_than_ten_attempts(
    home: Path, database_url: str, brief_image: str
) -> None:
    with running(home, database_url, PODIUM_RUNTIME="docker", PODIUM_AGENT_IMAGE=brief_image) as stack:
        with ThreadPoolExecutor() as pool:
            jobs = list(pool.map(lambda _: stack.submit("titanic-passenger-survival", 30), range(15)))
        views = [stack.wait_ended(job, timeout_s=90) for job in jobs]
        events = history(stack, jobs)
    assert [view["status"] for view in views] == ["success"] * 15
    active: set[str] = set()
    most = 0
    for event in events:
        if event["type"] == "AttemptScheduled":
            active.add(event["job_id"])
        if event["type"] in {"AttemptSucceeded", "AttemptFailed", "AttemptLost"}:
            active.discard(event["job_id"])
        most = max(most, len(active))
    assert most == 10
    assert leftovers() == ""


def history(stack: Stack, jobs: list[str]) -> list[dict[str, Any]]:
    """Every event of the jobs, in log order."""
    return sorted((event for job in jobs for event in stack.events(job)), key=lambda event: event["sequence"])


@pytest.fixture
def crashing_image(docker_image: str) -> Any:
    tag = "podium-test-crash:local"
    dockerfile = (
        f'FROM {docker_image}\nENTRYPOINT ["/bin/sh", "-c", "echo the disk is on fire >&2; exit 3"]\n'
    )
    subprocess.run(["docker", "build", "-q", "-t", tag, "-"], input=dockerfile.encode(), check=True)
    yield tag
    subprocess.run(["docker", "rmi", "-f", tag], capture_output=True, check=True)


def test_a_crashing_container_is_tried_three_times_and_then_explained(
    home: Path, database_url: str, crashing_image: str
) -> None:
    with running(
        home,
        database_url,
        PODIUM_RUNTIME="docker",
        PODIUM_AGENT_IMAGE=crashing_image,
        PODIUM_RETRY_DELAYS_S="0.5,1",
    ) as stack:
        job = stack.submit("titanic-passenger-survival")
        view = stack.wait_ended(job, timeout_s=60)
        events = history(stack, [job])
    assert view["status"] == "failed"
    assert "3 attempts" in view["error"]["message"]
    assert "exit" in view["error"]["message"]
    assert "the disk is on fire" in view["error"]["message"]
    assert [event["attempt"] for event in events if event["type"] == "AttemptStarted"] == [1, 2, 3]
    assert waits_s(events) == pytest.approx([0.5, 1.0], abs=0.45)
    assert leftovers() == ""


def waits_s(events: list[dict[str, Any]]) -> list[float]:
    """Seconds from each failure to the next attempt's place under the cap."""
    from datetime import datetime

    def times(kind: str) -> list[float]:
        return [
            datetime.fromisoformat(event["time"]).timestamp() for event in events if event["type"] == kind
        ]

    return [
        later - failed
        for failed, later in zip(times("AttemptFailed"), times("AttemptScheduled")[1:], strict=False)
    ]


def leftovers() -> str:
    """Containers of ours that are still there."""
    listing = subprocess.run(
        ["docker", "ps", "-aq", "--filter", "label=podium.executor=e2e"],
        capture_output=True,
        text=True,
        check=True,
    )
    return listing.stdout
