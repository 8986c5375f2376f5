"""All five services as processes, each a user of the cluster's NATS, with an agent that only speaks."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import httpx

from cli.embedded.servers import free_port
from tests.cluster.servers import ROOT
from tests.unit.executor.stage import agent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster.servers import NatsCluster

SERVICES: Final = ("gateway", "scheduler", "executor", "projector", "webhooks")
SLUG: Final = "scripted"
_AGENT: Final = """
for name in ("analysis", "planning", "codegen", "training"):
    say("stage_started", stage=name)
    print("a line of the log", flush=True)
    say("stage_completed", stage=name, summary="done")
model("m")
succeed()
"""


class Services:
    """The services that run, by the gateway's address; what each says is in a file."""

    def __init__(self, folder: Path, cluster: NatsCluster, database_url: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._folder = folder
        self._cluster = cluster
        (folder / "competitions" / SLUG / "public").mkdir(parents=True)
        self._environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "PODIUM_PORT": self.url.rpartition(":")[2],
            "PODIUM_API_KEYS": "required",
            "PODIUM_COMPETITIONS_DIR": str(folder / "competitions"),
            "PODIUM_WORK_DIR": str(folder / "work"),
            "PODIUM_WEBHOOK_NETWORKS": "127.0.0.0/8",
            "PODIUM_CHAOS_AGENT": json.dumps(agent(folder / "agent", _AGENT)),
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        processes = []
        for name in SERVICES:
            module = "tests.chaos.executor" if name == "executor" else f"services.{name}"
            with (self._folder / f"{name}.log").open("ab") as log:
                processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", module],
                        cwd=ROOT,
                        env={**self._environment, **self._cluster.settings(name)},
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    )
                )
        try:
            yield
        finally:
            for process in processes:
                process.kill()
                process.wait()

    def operate(self, *words: str) -> str:
        """What a command prints that the operator types."""
        return subprocess.run(
            [sys.executable, "-m", "cli", *words],
            cwd=ROOT,
            env={**self._environment, **self._cluster.settings("operator")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def said(self) -> str:
        """All that the services said."""
        return "".join((self._folder / f"{name}.log").read_text() for name in SERVICES)


async def until(found: Callable[[], object], *, within_s: float, what: Callable[[], object]) -> None:
    """Return once something is so; `what` is told where it is not in time."""
    try:
        async with asyncio.timeout(within_s):
            while not found():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not so after {within_s} s: {what()}") from None


async def ended(client: httpx.AsyncClient, job_id: str, *, within_s: float) -> str:
    """How a job ended, asked for until it has."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                answer = await client.get(f"/status/{job_id}")
            except httpx.TransportError:
                answer = httpx.Response(httpx.codes.SERVICE_UNAVAILABLE)
            if answer.is_success and answer.json()["completed_at"] is not None:
                return str(answer.json()["status"])
            await asyncio.sleep(0.2)
