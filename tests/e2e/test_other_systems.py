"""What other systems see of a stack: its events, by the worked examples, and its traces, by a collector."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import ROOT
from tests.e2e.database import own_database
from tests.e2e.scripted import SLUG, scripted
from tests.e2e.stack import wait_for
from tests.fakes.otlp_collector import collecting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.e2e.stack import Stack
    from tests.fakes.otlp_collector import Collector, Received

EXAMPLES = ROOT / "examples"
EVENT_S = 30
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

# The first attempt of a job fails in its second stage; the next one gets through.
BODY = """
say("stage_started", stage="analysis")
say("stage_completed", stage="analysis", summary="seen")
say("stage_started", stage="planning")
if output.parts[-2] == "1":
    say("failed", reason="unlucky", message="Not today.", retryable=True)
    sys.exit(1)
say("llm_called", model="m", purpose="plan", input_tokens=1, output_tokens=2, cache_read_tokens=0,
    cache_write_tokens=0, dollars=0.25, duration_ms=1)
say("stage_completed", stage="planning", summary="planned")
succeed()
"""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, collector: Collector
) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("others")
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "PODIUM_RETRY_DELAYS_S": "0.2,0.2",
    }
    with (
        own_database(postgres_url) as database_url,
        scripted(home, database_url, BODY, accounts=True, **settings) as running,
    ):
        yield running


def run_job(stack: Stack) -> str:
    """A job from its request to its end; its id."""
    answer = stack.http.post("/run", json={"kaggle_url": f"local:{SLUG}"}, headers={"traceparent": CALLER})
    job_id: str = answer.json()["job_id"]
    assert stack.wait_ended(job_id, timeout_s=60)["status"] == "success"
    return job_id


def stored(stack: Stack, job_id: str) -> list[str]:
    """The job's events as the examples print them."""
    lines = stack.http.get(f"/jobs/{job_id}/log").text.splitlines()
    told = [json.loads(line) for line in lines]
    return [f"{one['sequence']} {one['type']} {job_id}" for one in told]


class Example:
    """A program that follows a stack's events, and the lines that it prints."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.strip())

    def until(self, last: str) -> list[str]:
        """Its lines up to one of them."""
        lines: list[str] = []
        deadline = time.monotonic() + EVENT_S
        while not lines or lines[-1] != last:
            lines.append(self._lines.get(timeout=max(0.1, deadline - time.monotonic())))
        return lines

    def end(self) -> None:
        os.killpg(self.process.pid, 15)
        self.process.wait(10)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


def wait_until_kept(file: Path, sequence: str) -> None:
    """It is kept after it is printed."""
    wait_for(lambda: file.read_text().strip() == sequence, timeout_s=10, what=file.read_text)


def commands() -> dict[str, list[str]]:
    """How each example is started; those that this machine lacks something for are left out, or missed."""
    found = {
        "python": [sys.executable, str(EXAMPLES / "python" / "follow.py")],
        "curl": [str(EXAMPLES / "curl" / "follow.sh")],
        "javascript": ["node", str(EXAMPLES / "javascript" / "follow.js")],
    }
    lacking = {
        "curl": shutil.which("curl") is None,
        "javascript": shutil.which("node") is None or not (EXAMPLES / "javascript" / "node_modules").exists(),
    }
    if os.environ.get("PODIUM_REQUIRE_NODE"):
        assert not any(lacking.values()), "make node"
    return {name: command for name, command in found.items() if not lacking.get(name)}


def test_the_examples_follow_all_events_and_go_on_where_they_were(stack: Stack, tmp_path: Path) -> None:
    environment = {"NATS_URL": stack.nats.readers_url, "PODIUM_URL": stack.url}

    def started() -> dict[str, Example]:
        return {
            name: Example([*command, str(tmp_path / name)], environment)
            for name, command in commands().items()
        }

    first = stored(stack, run_job(stack))
    seen = started()
    try:
        for name, example in seen.items():
            assert example.until(first[-1])[-len(first) :] == first, name
            wait_until_kept(tmp_path / name, first[-1].split()[0])
    finally:
        for example in seen.values():
            example.end()
    second = stored(stack, run_job(stack))
    again = started()
    try:
        third = stored(stack, run_job(stack))
        for name, example in again.items():
            assert example.until(third[-1]) == [*second, *third], name
    finally:
        for example in again.values():
            example.end()


def test_the_example_that_solves_keeps_the_submission(stack: Stack, tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "python" / "solve.py"), f"local:{SLUG}", str(tmp_path)]
    environment = {**os.environ, "PODIUM_URL": stack.url, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert [line.split()[1] for line in told.splitlines()[:2]] == ["JobRequested", "AttemptScheduled"]
    assert told.splitlines()[-2].endswith("JobSucceeded")
    (job,) = stack.http.get("/jobs", params={"tag": "example"}).json()["jobs"]
    kept = stack.http.get(f"/jobs/{job['job_id']}/files/submission.csv")
    assert (tmp_path / "submission.csv").read_bytes() == kept.content


def test_a_job_is_one_trace_through_all_services(stack: Stack, collector: Collector) -> None:
    job_id = run_job(stack)
    trace = job_id.replace("-", "")

    def spans() -> dict[str, Received]:
        return {span.name: span for span in list(collector.spans) if span.trace == trace}

    def processes() -> int:
        return len([span for span in list(collector.spans) if (span.trace, span.name) == (trace, "process")])

    wait_for(
        lambda: {"job", "project JobSucceeded"} <= spans().keys() and processes() == 2,
        timeout_s=20,
        what=spans,
    )
    mine = [span for span in collector.spans if span.trace == trace]
    names = {span.id: span.name for span in mine}
    assert len(names) == len(mine), "no span comes twice"
    found = sorted((span.service, span.name, names.get(span.parent, "")) for span in mine)
    assert found == sorted(
        [
            ("podium-gateway", "submit", "job"),
            ("podium-scheduler", "job", ""),
            *(("podium-scheduler", f"wait {number}", "job") for number in (1, 2)),
            *(("podium-executor", f"attempt {number}", "job") for number in (1, 2)),
            *(("podium-executor", "process", f"attempt {number}") for number in (1, 2)),
            *(
                ("podium-agent", name, f"attempt {number}")
                for number in (1, 2)
                for name in ("start process", "analysis", "planning")
            ),
            ("podium-agent", "llm plan", "planning"),
            ("podium-projector", "project JobRequested", "job"),
            *(("podium-projector", "project AttemptStarted", f"attempt {number}") for number in (1, 2)),
            ("podium-projector", "project AttemptFailed", "attempt 1"),
            ("podium-projector", "project AttemptSucceeded", "attempt 2"),
            ("podium-projector", "project JobSucceeded", "job"),
        ]
    )
    by_id = {span.id: span for span in mine}
    root = spans()["job"]
    # Two services say these, in either order.
    assert {(span.name, by_id[span.parent].name) for span in mine if span.failed} == {
        ("planning", "attempt 1"),
        ("attempt 1", "job"),
    }
    assert spans()["submit"].links == (CALLER.split("-")[1],)
    for span in mine:
        if span.service != "podium-projector":
            # `submit` begins before the request is stored, which is where the job does.
            assert root.began_s - 1 <= span.began_s <= span.ended_s <= root.ended_s + 0.001, span
    messages = [json.loads(line) for line in stack.log_of("scheduler").splitlines() if job_id in line]
    assert {line["trace_id"] for line in messages} == {trace}


def test_each_message_names_the_span_that_it_is_of(stack: Stack, collector: Collector) -> None:
    job_id = run_job(stack)

    async def headers() -> list[dict[str, str]]:
        async with stack.nats.connection() as connection:
            events = await connection.jetstream().subscribe(f"jobs.{job_id}.>", ordered_consumer=True)
            count = len(stored(stack, job_id))
            return [(await events.next_msg(timeout=10)).headers or {} for _ in range(count)]

    told = asyncio.run(headers())
    assert {one["traceparent"].split("-")[1] for one in told} == {job_id.replace("-", "")}
    wait_for(
        lambda: {one["traceparent"].split("-")[2] for one in told} <= {span.id for span in collector.spans},
        timeout_s=20,
        what=lambda: collector.spans,
    )
