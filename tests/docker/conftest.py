"""A Docker daemon with the agent's image, or the reason why there is none."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, NoReturn, Protocol
from uuid import uuid4

import pytest
from aiodocker import Docker

from cli.embedded.image import agent_image
from services.executor.docker import DockerRuntime
from services.executor.egress_gates import Gates
from services.executor.settings import DISK_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.executor.runtime import Facts

AGENT_IMAGE = agent_image()


class Runtimes(Protocol):
    """Makes runtimes of the test's own executor; what they leave is removed after the test."""

    def __call__(
        self, facts: Facts, *, image: str | None = None, disk_bytes: int = DISK_BYTES_MAX
    ) -> DockerRuntime: ...


@pytest.fixture(scope="session")
def real_image() -> str:
    """The agent's image; without it or a daemon the test is skipped, or fails where Docker is required."""
    command = ["docker", "image", "inspect", AGENT_IMAGE]
    try:
        found = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError as error:
        absent(str(error))
    if found.returncode:
        absent(found.stderr)
    return AGENT_IMAGE


@pytest.fixture(scope="session")
def scripted_image(real_image: str) -> str:
    """The agent's image, but it runs /data/agent.py, which a test puts there."""
    recipe = f'FROM {real_image}\nENTRYPOINT ["python3", "-I", "-S", "/data/agent.py"]\n'
    return build(f"podium-agent-scripted:{real_image.rpartition(':')[2]}", recipe)


@pytest.fixture
async def docker(real_image: str) -> AsyncIterator[Docker]:
    async with Docker() as client:
        yield client


@pytest.fixture
async def runtimes(docker: Docker, scripted_image: str, tmp_path: Path) -> AsyncIterator[Runtimes]:
    executor, gates = f"test-{uuid4().hex}", Gates(tmp_path / "egress")
    made: list[DockerRuntime] = []

    def make(facts: Facts, *, image: str | None = None, disk_bytes: int = DISK_BYTES_MAX) -> DockerRuntime:
        runtime = DockerRuntime(
            docker,
            image=image or scripted_image,
            executor=executor,
            facts=facts,
            gates=gates,
            disk_bytes=disk_bytes,
        )
        made.append(runtime)
        return runtime

    yield make
    for left in await made[0].find() if made else ():
        await left.remove()


def build(name: str, recipe: str) -> str:
    """Build an image from a recipe that needs no files; its name."""
    command = ["docker", "build", "-q", "-t", name, "-"]
    subprocess.run(command, input=recipe.encode(), check=True, capture_output=True)
    return name


def absent(reason: str) -> NoReturn:
    """Skip, or fail where Docker is required."""
    if os.environ.get("PODIUM_REQUIRE_DOCKER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
