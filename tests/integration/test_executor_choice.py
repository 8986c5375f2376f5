"""Which runtime is chosen where no Docker answers, and what a daemon that went away means for an attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiodocker import Docker
from msgspec.structs import replace

from services.executor.choice import RuntimeChoiceError, choose
from services.executor.container import docker_facts
from services.executor.docker import DockerRuntime
from services.executor.egress_gates import Gates
from services.executor.process import NOTE, ProcessRuntime
from services.executor.runtime import SandboxError, SandboxSpec
from tests.unit.executor.stage import settings

if TYPE_CHECKING:
    from pathlib import Path


async def test_without_docker_processes_run_and_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = settings(tmp_path, docker_host=f"unix://{tmp_path}/absent.sock")
    runtime, docker = await choose(absent)
    assert isinstance(runtime, ProcessRuntime)
    assert docker is None
    assert NOTE in runtime.facts.notes
    said = capsys.readouterr().out
    assert "runtime_process" in said
    assert "absent.sock" in said
    with pytest.raises(RuntimeChoiceError, match="does not answer"):
        await choose(replace(absent, runtime="docker"))
    runtime, _ = await choose(replace(absent, runtime="process"))
    assert isinstance(runtime, ProcessRuntime)


async def test_a_daemon_that_is_gone_fails_an_attempt_for_another_try(tmp_path: Path) -> None:
    facts = docker_facts(cpus=1, memory_bytes=1, host_cpus=1, host_memory_bytes=1)
    spec = SandboxSpec(
        job_id="a", attempt=1, variables={}, data_dir=None, cpus=1, memory_bytes=1, network=False
    )
    async with Docker(url=f"unix://{tmp_path}/absent.sock") as docker:
        runtime = DockerRuntime(docker, image="i", executor="e", facts=facts, gates=Gates(tmp_path))
        for call in (runtime.start(spec), runtime.find()):
            with pytest.raises(SandboxError) as caught:
                await call
            assert caught.value.failure.reason == "docker_unavailable"
            assert caught.value.failure.retryable
