"""Each attack in a real container, where the agent would run a solution: none of them gets anywhere."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from services.executor.container import docker_facts
from services.executor.docker import DockerRuntime
from services.executor.egress_gates import Gates
from services.executor.runtime import SandboxSpec
from tests.attacks.claims import ATTACKS, assert_held, seconds_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiodocker import Docker

pytestmark = pytest.mark.docker

FOLDER = Path(__file__).parents[1] / "attacks"
START = """
import os, sys
os.environ["PYTHONPATH"] = "/app"
os.makedirs("/output/work", exist_ok=True)
os.execv("/opt/venv/bin/python", ["/opt/venv/bin/python", "-P", "/data/driver.py", "/data/attack.py", "%s"])
"""


@pytest.fixture
async def runtime(docker: Docker, scripted_image: str, tmp_path: Path) -> AsyncIterator[DockerRuntime]:
    facts = docker_facts(cpus=2, memory_bytes=2**29, host_cpus=2, host_memory_bytes=2**40)
    runtime = DockerRuntime(
        docker,
        image=scripted_image,
        executor=f"zone-{uuid4().hex}",
        facts=facts,
        gates=Gates(tmp_path / "egress"),
    )
    yield runtime
    for left in await runtime.find():
        await left.remove()


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_is_held(runtime: DockerRuntime, tmp_path: Path, attack: str) -> None:
    shutil.copyfile(FOLDER / "driver.py", tmp_path / "driver.py")
    shutil.copyfile(FOLDER / f"{attack}.py", tmp_path / "attack.py")
    (tmp_path / "agent.py").write_text(START % seconds_for(attack))
    tmp_path.chmod(0o755)
    secrets = {"KAGGLE_KEY": "canary-of-kaggle", "ANTHROPIC_API_KEY": "canary-of-anthropic"}
    spec = SandboxSpec(
        job_id=uuid4().hex,
        attempt=1,
        variables={"PODIUM_COMPETITION": "t", **secrets},
        data_dir=tmp_path,
        cpus=2.0,
        memory_bytes=2**29,
        network=False,
    )
    sandbox = await runtime.start(spec)
    async with asyncio.timeout(40):
        lines = [item async for item in sandbox.lines()]
        end = await sandbox.wait()
    assert "canary-of-" not in str(lines)
    assert end.code == 0, lines
    said = json.loads([line for stream, line in lines if stream == "stdout"][-1])
    assert_held(attack, said)
    assert said["refusal"] is None
