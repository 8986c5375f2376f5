"""The agent through the whole service: from a request over HTTP to a container and back, on real servers."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli.embedded.image import agent_image
from tests.bench.contest import KILL_S, LATE_S, Result, relatives
from tests.e2e.conftest import publish
from tests.e2e.database import own_postgres
from tests.e2e.stack import running

if TYPE_CHECKING:
    from tests.bench.contest import Means
    from tests.e2e.stack import Stack

_POLL_S: Final = 0.5


def run_service(folder: Path, grade: Any, means: Means) -> Result:
    """One job, in Docker, with templates only; its seconds are those from the request to the job's end."""
    settings = {
        "PODIUM_RUNTIME": "docker",
        "PODIUM_AGENT_IMAGE": agent_image(),
        "PODIUM_EXECUTOR_ID": f"bench-{folder.name}",
        "PODIUM_CPUS": str(means.cpus),
        "PODIUM_MEMORY_BYTES": str(means.memory_mb * 1024**2),
        "PODIUM_SLOTS": "1",
    }
    with own_postgres() as (_, database_url), tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        home.chmod(0o755)
        publish(folder, home)
        with running(home, database_url, **settings) as stack:
            started = time.monotonic()
            job_id = stack.submit(folder.name, means.budget_s)
            view, peak_mb = watched(stack, job_id, settings["PODIUM_EXECUTOR_ID"], means)
            seconds = time.monotonic() - started
            answer = stack.http.get(f"/jobs/{job_id}/files/submission.csv")
        submission = home / "submission.csv"
        submission.write_bytes(answer.content if answer.status_code == 200 else b"")
        graded = grade(folder.name, str(submission))
    return Result(
        score=graded["score"],
        seconds=seconds,
        peak_mb=peak_mb,
        late=seconds > means.budget_s + LATE_S,
        error=graded["error"] and f"{graded['error']} ({view['error']})",
        expected=view["score"],
    )


def watched(stack: Stack, job_id: str, executor: str, means: Means) -> tuple[dict[str, Any], float]:
    """The job's view at its end (or when it is too late), and the most memory of its container, in MB."""
    until, peak_mb = time.monotonic() + means.budget_s + KILL_S, 0.0
    while True:
        view = stack.status(job_id)
        if view["completed_at"] is not None or time.monotonic() > until:
            return view, peak_mb
        peak_mb = max(peak_mb, memory_mb(executor))
        time.sleep(_POLL_S)


def memory_mb(executor: str) -> float:
    """What the processes in an executor's containers hold."""
    listed = ["docker", "ps", "-q", "--filter", f"label=podium.executor={executor}"]
    names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    if not names:
        return 0.0
    asked = ["docker", "inspect", "--format", "{{.State.Pid}}", *names]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)  # it may just have ended
    return sum(sum(relatives(int(pid)).values()) for pid in found.stdout.split() if pid != "0")
