"""The whole service as real processes on real servers, each part of which a test can kill or pause."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from cli.embedded.servers import free_port
from tests.servers import NatsServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[2]
SERVICES = ("projector", "gateway", "scheduler", "executor")


class Stack:
    """Services over a nats-server of their own and a given database.

    A part's name is its service's, with a number after a dash from the second one on (``executor-2``);
    `modules` replace what runs as a service.
    """

    def __init__(
        self,
        home: Path,
        database_url: str,
        settings: Mapping[str, str],
        *,
        modules: Mapping[str, str] | None = None,
        accounts: bool = False,
    ) -> None:
        self.home = home
        self.database_url = database_url
        self.nats = NatsServer(home, accounts=accounts)
        self._modules = {name: f"services.{name}" for name in SERVICES} | dict(modules or {})
        self._ports: dict[str, int] = {}
        self.url = self.url_of("gateway")
        self.http = httpx.Client(base_url=self.url, timeout=30)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PODIUM_", "KAGGLE_", "ANTHROPIC_"))
            },
            "NATS_URL": self.nats.url,
            "DATABASE_URL": database_url,
            "PODIUM_COMPETITIONS_DIR": str(home / "competitions"),
            "PODIUM_SUBMITS_PER_MINUTE": "0",
            "PODIUM_READS_PER_MINUTE": "0",
            "PODIUM_EXECUTOR_ID": "e2e",
            "PODIUM_SLOTS": "10",
            "PODIUM_DRAIN_S": "0",
            **settings,
        }

    def url_of(self, gateway: str) -> str:
        """Where a gateway listens, each time it is started."""
        return f"http://127.0.0.1:{self._ports.setdefault(gateway, free_port())}"

    def executor_id(self, name: str) -> str:
        """What an executor calls itself in the log."""
        return self._environment["PODIUM_EXECUTOR_ID"] + name.removeprefix("executor")

    def start(self, *names: str) -> None:
        """Start parts; the folder's <name>.log has what they say."""
        for name in names:
            with (self.home / f"{name}.log").open("ab") as log:
                self._processes[name] = subprocess.Popen(
                    [sys.executable, "-m", self._modules[name.partition("-")[0]]],
                    cwd=ROOT,
                    env=self._environment_of(name),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )

    def _environment_of(self, name: str) -> dict[str, str]:
        return {
            **self._environment,
            "PODIUM_PORT": self.url_of(name).rpartition(":")[2],
            "PODIUM_WORK_DIR": str(self.home / f"work-{name}"),
            "PODIUM_EXECUTOR_ID": self.executor_id(name) if name.startswith("executor") else "",
        }

    def kill(self, name: str) -> None:
        """`kill -9`: it gets no chance to say good-bye."""
        process = self._processes.pop(name)
        assert process.poll() is None, f"{name} had already ended:\n{self.log_of(name)}"
        process.kill()
        process.wait()

    def pause(self, name: str) -> None:
        """It stands still, keeps its connections, and knows nothing of it."""
        self._processes[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        self._processes[name].send_signal(signal.SIGCONT)

    def ended(self) -> Sequence[str]:
        """Parts that ended by themselves."""
        return [name for name, process in self._processes.items() if process.poll() is not None]

    def stop(self) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self._processes.values():
            process.wait(timeout=30)
        self.nats.kill()
        self.http.close()

    def log_of(self, name: str) -> str:
        """The end of what a part said."""
        return (self.home / f"{name}.log").read_text(errors="replace")[-4000:]

    def wait_ready(self) -> None:
        wait_for(lambda: self._answers("/health/ready"), timeout_s=30, what=lambda: self.log_of("gateway"))

    def submit(self, slug: str, budget_s: int = 60) -> str:
        """Ask for a local competition to be solved; the job's id."""
        answer = self.http.post("/run", json={"kaggle_url": f"local:{slug}", "budget_s": budget_s})
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["job_id"]
        return job_id

    def cancel(self, job_id: str) -> int:
        """Ask for a job to end; the HTTP status of the answer."""
        return self.http.delete(f"/jobs/{job_id}").status_code

    def status(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/status/{job_id}")
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view

    def wait_ended(self, job_id: str, *, timeout_s: float) -> dict[str, Any]:
        """The job's view once it has ended."""
        wait_for(
            lambda: self.status(job_id)["completed_at"] is not None,
            timeout_s=timeout_s,
            what=lambda: f"{self.status(job_id)}\n{self.log_of('executor')}\n{self.log_of('scheduler')}",
        )
        return self.status(job_id)

    def events(self, job_id: str) -> Iterator[dict[str, Any]]:
        """The job's events as the gateway streams them, until it ends the stream."""
        with self.http.stream("GET", f"/jobs/{job_id}/events", timeout=120) as stream:
            assert stream.status_code == 200
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:"))

    def _answers(self, path: str) -> bool:
        try:
            return self.http.get(path).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def running(
    home: Path,
    database_url: str,
    *,
    modules: Mapping[str, str] | None = None,
    parts: Sequence[str] = SERVICES,
    accounts: bool = False,
    **settings: str,
) -> Iterator[Stack]:
    """A stack that is up, and is gone afterwards; with `accounts` its NATS has those that are shipped."""
    stack = Stack(home, database_url, settings, modules=modules, accounts=accounts)
    stack.nats.start()
    try:
        stack.start(*parts)
        stack.wait_ready()
        yield stack
    finally:
        stack.stop()


def wait_for(condition: Any, *, timeout_s: float, what: Any) -> None:
    """Poll until the condition holds; `what` is said when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so after {timeout_s} s: {what()}")
        time.sleep(0.1)
