"""Attempts in Docker containers, one each, with a volume for what they leave."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Final

import aiohttp
from msgspec.structs import replace

from events.progress import KEPT_BACK
from services.executor.container import (
    LABEL_ATTEMPT,
    LABEL_EXECUTOR,
    LABEL_JOB,
    container_config,
    name_of,
    variables_of,
    volume_config,
)
from services.executor.disk import VolumeSizes, all_volumes
from services.executor.docker_sandbox import DockerSandbox, engine
from services.executor.removal import removed
from services.executor.runtime import SandboxError
from services.executor.settings import DISK_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiodocker import Docker

    from services.executor.egress_gates import Gates
    from services.executor.runtime import Facts, SandboxSpec

_PING: Final = aiohttp.ClientTimeout(total=2.0)
"""Meanwhile the executor reads no news of its log, a cancel for one."""


class DockerRuntime:
    """A `services.executor.runtime.Runtime` over an Engine; `executor` goes into all labels,
    `gates` lead out those that may connect somewhere, `oci_runtime` is the Engine's name of what runs
    containers (None: its default).  `disk_bytes` is what /output may hold: by a quota where the facts say
    that the host's kernel grants one, and of a single file anywhere.  `secrets` are variables that no
    container is made with: its agent asks for them at its way out.
    """

    def __init__(
        self,
        docker: Docker,
        *,
        image: str,
        executor: str,
        facts: Facts,
        gates: Gates,
        oci_runtime: str | None = None,
        disk_bytes: int = DISK_BYTES_MAX,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self._docker = docker
        self._gates = gates
        self._image = image
        self._oci_runtime = oci_runtime
        self._executor = executor
        self._facts = replace(facts, image=image)
        self._disk_bytes = disk_bytes
        self._secrets = secrets or {}
        self._sizes = VolumeSizes(partial(all_volumes, docker))

    @property
    def facts(self) -> Facts:
        """See `Runtime.facts`."""
        return self._facts

    async def ping(self) -> None:
        """See `Runtime.ping`."""
        url = f"{self._docker.docker_host}/_ping"
        async with (
            engine("docker_unavailable", "The Docker daemon is not well"),
            self._docker.session.get(url, timeout=_PING) as answer,
        ):
            answer.raise_for_status()

    async def start(self, spec: SandboxSpec) -> DockerSandbox:
        """See `Runtime.start`."""
        name = name_of(spec)
        quota_bytes = self._disk_bytes if self._facts.disk_bound == "kernel" else None
        config = container_config(
            self._without_secrets(spec),
            image=self._image,
            executor=self._executor,
            file_bytes=self._disk_bytes,
            oci_runtime=self._oci_runtime,
            egress=self._gates.mounted(name) if spec.network else None,
        )
        sandbox = self._sandbox(name, spec.job_id, spec.attempt)
        try:
            async with engine("start_failed", f"The container of {name} could not be started"):
                await self._docker.volumes.create(  # type: ignore[no-untyped-call] # the client's own
                    volume_config(spec, executor=self._executor, quota_bytes=quota_bytes)
                )
                # After the volume, by which `find` finds what an executor that dies here leaves.
                await sandbox.let_out(variables_of(config))
                container = await self._docker.containers.create(config, name=name)
                await container.start()
        except SandboxError as error:
            await asyncio.shield(removed(sandbox))
            raise self._explained(error) from error
        return sandbox

    async def find(self) -> Sequence[DockerSandbox]:
        """See `Runtime.find`.

        A container and a volume are all that an attempt has of the Engine's: no network is made for any.
        """
        filters = {"label": [f"{LABEL_EXECUTOR}={self._executor}"]}
        async with engine("docker_failed", "The Docker daemon did not list containers"):
            containers = await self._docker.containers.list(all=True, filters=json.dumps(filters))
            listed = await self._docker.volumes.list(  # type: ignore[no-untyped-call] # the client's own
                filters=filters
            )
        named = {container["Names"][0].lstrip("/"): container["Labels"] for container in containers}
        named |= {volume["Name"]: volume["Labels"] for volume in listed["Volumes"] or ()}
        return [
            self._sandbox(name, labels[LABEL_JOB], int(labels[LABEL_ATTEMPT]))
            for name, labels in sorted(named.items())
            if LABEL_JOB in labels and LABEL_ATTEMPT in labels
        ]

    def _sandbox(self, name: str, job_id: str, attempt: int) -> DockerSandbox:
        return DockerSandbox(
            self._docker, name, job_id, attempt, gates=self._gates, sizes=self._sizes, secrets=self._secrets
        )

    def _without_secrets(self, spec: SandboxSpec) -> SandboxSpec:
        kept_back = dict.fromkeys(self._secrets.keys() & spec.variables.keys(), KEPT_BACK)
        return replace(spec, variables=spec.variables | kept_back)

    def _explained(self, error: SandboxError) -> SandboxError:
        if "no such image" not in error.failure.message.lower():
            return error
        message = (
            f"The image {self._image} is not on the Docker host: build it with deploy/build-images, "
            "or name another one in PODIUM_AGENT_IMAGE."
        )
        return SandboxError("image_missing", message, retryable=False)
