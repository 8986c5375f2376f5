"""A Docker daemon with the agent's image, or the reason why there is none."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiodocker import Docker
from aiodocker.exceptions import DockerError

from cli.embedded.image import agent_image

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AGENT_IMAGE = agent_image()


@pytest.fixture
async def docker() -> AsyncIterator[Docker]:
    """A client; without a daemon or the image the test is skipped, or fails where Docker is required."""
    try:
        client = Docker()
    except (ValueError, AssertionError):
        _absent("no Docker socket was found")
    try:
        await client.images.inspect(AGENT_IMAGE)
    except (DockerError, aiohttp.ClientError, OSError) as error:
        await client.close()
        _absent(f"the Docker daemon or the image {AGENT_IMAGE} is absent: {error}")
    yield client
    await client.close()


@pytest.fixture
async def scripted_image(docker: Docker) -> str:
    """The agent's image, but it runs /data/agent.py, which a test puts there."""
    name = "podium-agent-scripted:test"
    recipe = f'FROM {AGENT_IMAGE}\nENTRYPOINT ["python3", "-I", "-S", "/data/agent.py"]\n'.encode()
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(recipe)
        archive.addfile(member, io.BytesIO(recipe))
    context.seek(0)
    await docker.images.build(fileobj=context, encoding="identity", tag=name)
    return name


def _absent(reason: str) -> None:
    if os.environ.get("PODIUM_REQUIRE_DOCKER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
