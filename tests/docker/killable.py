"""An executor as a process of its own, on Docker, that a test can kill, stop and start anew."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from uuid import uuid4

from tests.unit.executor.stage import PRELUDE


class Killable:
    """An executor as a process of its own, on Docker."""

    def __init__(self, folder: Path, nats_url: str, image: str) -> None:
        self.id = f"adopt-{uuid4().hex[:12]}"
        self._folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            **{name: os.environ[name] for name in ("DOCKER_HOST",) if name in os.environ},
            "NATS_URL": nats_url,
            "PODIUM_RUNTIME": "docker",
            "PODIUM_AGENT_IMAGE": image,
            "PODIUM_EXECUTOR_ID": self.id,
            "PODIUM_DRAIN_S": "0",
            "PODIUM_CPUS": "0.5",
            "PODIUM_MEMORY_BYTES": str(128 * 1024**2),
            "PODIUM_WORK_DIR": str(folder / "work"),
            "PODIUM_COMPETITIONS_DIR": str(folder / "competitions"),
        }
        self._process: asyncio.subprocess.Process | None = None

    def set(self, **variables: str) -> None:
        """Give it settings at its next start."""
        self._environment |= variables

    def competition(self, name: str, body: str) -> Path:
        """A competition whose agent does what `body` says; its public folder, /data to the agent."""
        public = self._folder / "competitions" / name / "public"
        public.mkdir(parents=True)
        (public / "agent.py").write_text(PRELUDE + body)
        return public

    async def start(self) -> None:
        with (self._folder / "executor.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.executor"),
                env=self._environment,
                cwd=Path(__file__).parents[2],
                stderr=log,
            )

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        await self._process.wait()

    def said(self) -> str:
        return (self._folder / "executor.log").read_text()
