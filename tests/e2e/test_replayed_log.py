"""`podium up --replay`: the log of another system shown on this machine, and nothing of it run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from cli.embedded.background import stop
from cli.embedded.home import Home
from events.jetstream import JetStreamLog, ensure_stream
from events.log import JobAt
from tests.integration.gateway_serving import requested, started
from tests.servers import NatsServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@pytest.fixture
def place() -> Iterator[Path]:
    # Not under pytest's own folder, which other users cannot enter: PostgreSQL runs as one of them.
    folder = Path(tempfile.mkdtemp(prefix="podium-replay-"))
    folder.chmod(0o755)
    yield folder
    stop(Home(folder / "copy"))
    shutil.rmtree(folder)


def podium(*words: str, nats_url: str = "") -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PODIUM_", "NATS_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        env=environment | {"NATS_URL": nats_url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


async def exported_log(place: Path) -> tuple[Path, str]:
    """The export of a log with a job that waits, and one that its executor was running when it was copied."""
    (place / "source").mkdir()
    source = NatsServer(place / "source")
    source.start()
    try:
        async with source.connection() as client:
            await ensure_stream(client.jetstream())
            log = JetStreamLog(client, source="test")
            running = requested()
            last = await log.append(running, expect=JobAt(sequence=0))
            for event in started(running.job_id):
                last = await log.append(event, expect=JobAt(sequence=last))
            await log.append(requested(), expect=JobAt(sequence=0))
        file = place / "events.ndjson"
        ended = podium("events", "export", str(file), nats_url=source.url)
        assert (ended.returncode, ended.stderr) == (0, "4 events exported.\n")
    finally:
        source.kill()
    return file, running.job_id


async def test_an_exported_log_is_shown_and_none_of_it_is_run(place: Path) -> None:
    file, running = await exported_log(place)
    home = Home(place / "copy")
    up = podium("up", "--home", str(home.folder), "--detach", "--replay", str(file))
    assert up.returncode == 0, up.stderr
    stack = home.stack()
    assert stack is not None
    with httpx.Client(base_url=stack.gateway_url) as client:
        deadline = time.monotonic() + 20
        while len(client.get("/jobs").json()["jobs"]) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        shown = {job["job_id"]: job["status"] for job in client.get("/jobs").json()["jobs"]}
        assert sorted(shown.values()) == ["queued", "running"]
        assert shown[running] == "running"
        assert client.post("/run", json={"kaggle_url": "local:titanic-passenger-survival"}).status_code == 403
        assert client.delete(f"/jobs/{running}").status_code == 403
        assert len(client.get(f"/jobs/{running}/log").text.splitlines()) == 3
    told = podium("replay", running, "--home", str(home.folder))
    assert "attempt 1 status scheduled → running" in told.stdout
    assert {path.stem for path in home.logs.iterdir()} >= {"gateway", "projector"}
    assert {path.stem for path in home.logs.iterdir()} & {"scheduler", "executor"} == set()

    # The same stack exports what it was given, and the folder never becomes one that runs jobs.
    again = place / "again.ndjson"
    assert podium("events", "export", str(again), "--home", str(home.folder)).returncode == 0
    lines = [[json.loads(line) for line in one.read_text().splitlines()] for one in (file, again)]
    assert [[{**line, "stored_at": None} for line in log] for log in lines[:1]] == [
        [{**line, "stored_at": None} for line in log] for log in lines[1:]
    ]
    stop(home)
    refused = podium("up", "--home", str(home.folder), "--detach", "--replay", str(file))
    assert (refused.returncode, "There is a log in" in refused.stderr) == (3, True)
    assert podium("up", "--home", str(home.folder), "--detach").returncode == 0
    stack = home.stack()
    assert stack is not None
    assert httpx.delete(f"{stack.gateway_url}/jobs/{running}").status_code == 403


async def test_half_a_log_is_no_stack(place: Path) -> None:
    file, _ = await exported_log(place)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:2]) + lines[3])
    home = place / "copy"
    up = podium("up", "--home", str(home), "--detach", "--replay", str(file))
    assert up.returncode == 3
    assert "Line 3 has sequence 4: that is a part of a log." in up.stderr
    again = podium("up", "--home", str(home), "--detach")
    assert (again.returncode, f"holds only a part of {file}" in again.stderr) == (3, True)
