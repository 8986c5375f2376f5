"""`podium up` on a real machine: started, interrupted, killed, and started again on the same folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
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
from cli.embedded.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from cli.embedded.home import Stack

ROOT = Path(__file__).parents[2]
PODIUM = [sys.executable, "-m", "cli"]
COMPETITION = "titanic-passenger-survival"
START_S = 60
STOP_S = 25
LAG_S = 10

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


class Up:
    """A `podium up` in the foreground, as a terminal would run it."""

    def __init__(self, home: Home, *options: str) -> None:
        self.home = home
        self.output = home.folder.parent / f"{home.folder.name}.out"
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [*PODIUM, "up", "--home", str(home.folder), *options],
                cwd=ROOT,
                env={**os.environ, "PODIUM_RUNTIME": "process"},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.stack = self._ready()

    def _ready(self) -> Stack:
        wait_until(lambda: self.home.stack() is not None or self.process.poll() is not None, START_S)
        stack = self.home.stack()
        assert stack is not None, self.output.read_text()
        return stack

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(STOP_S)

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_S)


def wait_until(condition: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def processes_of(home: Home) -> dict[int, str]:
    """Live processes that have the folder in their command or their environment, by id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            if str(home.folder).encode() in command + (folder / "environ").read_bytes():
                found[int(folder.name)] = command.replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return {pid: command for pid, command in found.items() if command}


def podium(home: Home, *words: str, code: int = 0) -> str:
    ended = subprocess.run(
        [*PODIUM, *words, "--home", str(home.folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not `tmp_path`, whose parent other runs of pytest close to the user that root runs PostgreSQL as."""
    with tempfile.TemporaryDirectory(prefix="podium-") as name:
        yield Path(name)


@pytest.fixture
def home(folder: Path) -> Iterator[Home]:
    """The folder of a stack, which is down at the end whatever the test did."""
    place = Home(folder / "home")
    yield place
    stop(place)
    left = processes_of(place)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def submit(home: Home) -> str:
    out = podium(home, "run", f"local:{COMPETITION}", "--budget", "30s", "--no-watch", "--json")
    return str(json.loads(out)["job_id"])


def test_a_stack_comes_up_goes_down_and_remembers(home: Home):
    with Up(home) as up:
        job_id = submit(home)
        wait_until(lambda: job_id in podium(home, "jobs"), LAG_S)
        for words in (("up",), ("up", "--detach")):
            assert f"already (process {up.process.pid})" in podium(home, *words, code=3)
        assert up.interrupt() == 0
    assert processes_of(home) == {}
    assert "No stack runs in" in podium(home, "jobs", code=3)

    with Up(home) as again:
        assert again.stack.gateway_url == up.stack.gateway_url
        assert json.loads(podium(home, "status", job_id, "--json"))["job_id"] == job_id
        assert "Podium is down." in podium(home, "down")
        assert again.process.wait(STOP_S) == 0
    assert processes_of(home) == {}


def test_nothing_but_postgres_outlives_a_killed_supervisor(home: Home):
    with Up(home) as up:
        job_id = submit(home)
        up.process.kill()
        up.process.wait()
    wait_until(lambda: all("postgres" in command for command in processes_of(home).values()), 10)
    assert processes_of(home)
    with Up(home) as again:
        assert json.loads(podium(home, "status", job_id, "--json"))["job_id"] == job_id
        assert again.interrupt() == 0


def test_a_database_that_was_interrupted_while_it_was_made_is_made_anew(folder: Path):
    postgres = Postgres(folder / "postgres")
    postgres.start()
    postgres.stop()
    (folder / "postgres" / ".made").unlink()
    (folder / "postgres" / "global" / "pg_control").unlink()
    again = Postgres(folder / "postgres")
    again.start()
    assert again.is_running()
    again.stop()
    assert not again.is_running()


def test_a_pid_file_that_names_some_other_process_is_not_believed(folder: Path):
    postgres = Postgres(folder / "postgres")
    postgres.start()
    pid_file = folder / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    postgres.stop()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert not postgres.is_running()
    again = Postgres(folder / "postgres")
    again.start()
    assert again.is_running()
    again.stop()


def test_a_service_and_servers_that_die_come_back(home: Home):
    with Up(home) as up:
        for part in (r"services\.gateway", r"bin/nats-server", r"bin/postgres .*-D"):
            [victim] = [pid for pid, command in processes_of(home).items() if re.search(part, command)]
            os.kill(victim, signal.SIGKILL)
        for name in ("gateway", "nats"):
            wait_until(lambda note=f"{name} ended with exit code -9": note in up.output.read_text(), 10)
        wait_until(lambda: "postgres ended; it starts again" in up.output.read_text(), 10)
        wait_until(lambda: is_ready(up.stack), 30)
        job_id = submit(home)
        wait_until(lambda: job_id in podium(home, "jobs"), LAG_S)
        assert up.interrupt() == 0


def is_ready(stack: Stack) -> bool:
    try:
        answer = httpx.get(f"{stack.gateway_url}/health/ready")
    except httpx.TransportError:
        return False
    return answer.is_success and set(answer.json().values()) == {"up"}


def test_two_stacks_run_side_by_side(home: Home, folder: Path):
    other = Home(folder / "other")
    with Up(home) as up, Up(other) as beside:
        assert up.stack.gateway_url != beside.stack.gateway_url
        job_id = submit(other)
        wait_until(lambda: job_id in podium(other, "jobs"), LAG_S)
        assert podium(home, "jobs") == ""
        assert beside.interrupt() == 0
        assert processes_of(other) == {}
        assert is_ready(up.stack)
        assert up.interrupt() == 0


def test_a_folder_becomes_a_submission(home: Home, folder: Path):
    mine = folder / "My Titanic"
    shutil.copytree(ROOT / "competitions" / COMPETITION / "public", mine)
    (mine / "private").mkdir()
    (mine / "private" / "answers.csv").write_text("secret")
    with Up(home) as up:
        out = podium(home, "run", str(mine), "--budget", "30s")
        assert re.search(r"^competition my-titanic$", out, re.MULTILINE)
        assert re.search(r"^status success$", out, re.MULTILINE)
        assert re.search(r"^file http://127.0.0.1:\d+/jobs/.*/files/submission.csv$", out, re.MULTILINE)
        assert not list(home.folder.rglob("answers.csv"))
        assert up.interrupt() == 0
