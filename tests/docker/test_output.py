"""What a container leaves in its output folder: what is read from it, and how much it is."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from services.executor.container import docker_facts
from services.executor.runtime import FileMissingError, FileRefusedError, SandboxError
from tests.docker.test_docker_runtime import MEMORY_BYTES, said, spec_of

if TYPE_CHECKING:
    from pathlib import Path

    from services.executor.docker import DockerRuntime
    from services.executor.docker_sandbox import DockerSandbox
    from tests.docker.conftest import Runtimes

pytestmark = pytest.mark.docker


@pytest.fixture
def runtime(runtimes: Runtimes) -> DockerRuntime:
    return runtimes(
        docker_facts(cpus=1, memory_bytes=MEMORY_BYTES, host_cpus=1, host_memory_bytes=MEMORY_BYTES)
    )


async def test_only_plain_files_of_a_good_size_are_read(runtime: DockerRuntime, tmp_path: Path) -> None:
    body = """
(output / "plain.bin").write_bytes(bytes(range(256)) * 8)
(output / "link").symlink_to("/etc/passwd")
(output / "folder").mkdir()
os.mkfifo(output / "pipe")
"""
    sandbox = await runtime.start(spec_of(runtime, tmp_path, body))
    assert await said(sandbox) == []
    assert (await sandbox.wait()).code == 0
    assert await sandbox.read("plain.bin", bytes_max=2048) == bytes(range(256)) * 8
    for name, bytes_max in (("plain.bin", 2047), ("link", 10**6), ("folder", 10**6), ("pipe", 10**6)):
        with pytest.raises(FileRefusedError):
            await sandbox.read(name, bytes_max=bytes_max)
    with pytest.raises(FileMissingError):
        await sandbox.read("absent", bytes_max=1)


async def test_what_a_container_leaves_is_measured_in_its_folder_and_by_the_engine(
    runtime: DockerRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
(output / "shut").mkdir()
(output / "shut" / "file").write_bytes(bytes(10**6))
(output / "shut").chmod(0)
"""
    sandbox = await runtime.start(spec_of(runtime, tmp_path, body))
    assert await said(sandbox) == []
    here = await sandbox.used_bytes()
    monkeypatch.setattr(os, "access", lambda *_: False)
    async with asyncio.timeout(30):
        while (told := await _used(sandbox)) is None:
            await asyncio.sleep(0.2)
    assert here is not None
    assert 10**6 <= told < here + 8192
    assert 10**6 <= here < 1_100_000


async def _used(sandbox: DockerSandbox) -> int | None:
    """By an Engine that may be at work for somebody else."""
    try:
        return await sandbox.used_bytes()
    except SandboxError as error:
        if "already running" not in str(error):
            raise
        return None
