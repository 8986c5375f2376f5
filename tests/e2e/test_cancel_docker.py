"""A container that is deaf to SIGTERM is gone soon after its job was cancelled, or its time has run out."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.stack import running, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.docker

SLUG = "titanic-passenger-survival"
EXECUTOR = "e2e-cancel"
LIMIT_S = 6.0
END_S = 10.0


@pytest.fixture
def deaf_image(docker_image: str) -> Iterator[str]:
    tag = "podium-test-deaf:local"
    script = "trap '' TERM; while :; do sleep 1; done"
    dockerfile = f'FROM {docker_image}\nENTRYPOINT ["/bin/sh", "-c", "{script}"]\n'
    subprocess.run(["docker", "build", "-q", "-t", tag, "-"], input=dockerfile.encode(), check=True)
    yield tag
    subprocess.run(["docker", "rmi", "-f", tag], capture_output=True, check=True)


def test_a_deaf_container_ends_with_its_job_or_with_its_time(
    home: Path, database_url: str, deaf_image: str
) -> None:
    with running(
        home,
        database_url,
        PODIUM_RUNTIME="docker",
        PODIUM_AGENT_IMAGE=deaf_image,
        PODIUM_EXECUTOR_ID=EXECUTOR,
        PODIUM_ATTEMPT_LIMIT_S=str(LIMIT_S),
    ) as stack:
        cancelled, late = stack.submit(SLUG), stack.submit(SLUG)
        wait_for(lambda: len(ours("ps", "-q")) == 2, timeout_s=30, what=lambda: stack.log_of("executor"))
        assert stack.cancel(cancelled) == 202
        began = time.monotonic()
        view = stack.wait_ended(cancelled, timeout_s=END_S)
        assert time.monotonic() - began < END_S
        assert (view["status"], view["attempts"][0]["error"]["reason"]) == ("cancelled", "cancelled")
        view = stack.wait_ended(late, timeout_s=LIMIT_S + END_S)
        assert (view["status"], view["error"]["reason"]) == ("failed", "time_limit")
        assert len(view["attempts"]) == 1
        wait_for(lambda: not left(), timeout_s=2, what=left)


def left() -> list[str]:
    """Containers, running or not, and volumes that are still there."""
    return [*ours("ps", "-aq"), *ours("volume", "ls", "-q")]


def ours(*words: str) -> list[str]:
    listing = subprocess.run(
        ["docker", *words, "--filter", f"label=podium.executor={EXECUTOR}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return listing.stdout.split()
