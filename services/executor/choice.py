"""Which runtime this executor uses: the one named, else Docker where it can, else plain processes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiohttp
import structlog
from aiodocker import Docker
from aiodocker.exceptions import DockerError

from services.bubblewrap import bwrap_path
from services.executor.container import docker_facts
from services.executor.docker import DockerRuntime
from services.executor.egress_gates import Gates
from services.executor.machine import this_machine
from services.executor.openmp import library_folder
from services.executor.process import ProcessRuntime, process_facts
from services.executor.slots import Machine, fitting
from services.quota import quota_problem
from services.runc import runc_is_safe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.executor.kubernetes.runtime import KubernetesRuntime
    from services.executor.kubernetes.settings import KubernetesSettings
    from services.executor.runtime import Facts, Runtime
    from services.executor.settings import Settings

_ANSWER_S: Final = 10.0

_log = structlog.get_logger(__name__)


class Closing(Protocol):
    """What holds connections."""

    async def close(self) -> None:
        """End them."""
        ...


class RuntimeChoiceError(Exception):
    """The runtime that was asked for cannot be used; the message is for an operator."""


async def choose(settings: Settings) -> tuple[Runtime, Closing | None]:
    """The runtime, and what to close at the end where there is something.

    Raises:
        RuntimeChoiceError: Docker or Kubernetes was asked for by name, and does not answer.
    """
    if settings.kubernetes is not None:
        kubernetes = await _kubernetes(settings, settings.kubernetes)
        return kubernetes, kubernetes
    if settings.runtime == "process":
        return _process(settings, "PODIUM_RUNTIME is process"), None
    docker, problem = await _docker(settings)
    if docker is None:
        if settings.runtime == "docker":
            raise RuntimeChoiceError(problem)
        return _process(settings, problem), None
    if problem and settings.runtime == "auto":
        await docker.close()
        return _process(settings, problem), None
    system: Mapping[str, Any] = await docker.system.info()
    no_quota = await quota_problem(docker)
    facts = docker_facts(
        cpus=settings.cpus,
        memory_bytes=settings.memory_bytes,
        host_cpus=system["NCPU"],
        host_memory_bytes=system["MemTotal"],
        disk_bound="measured" if no_quota else "kernel",
        slots=settings.slots,
    )
    host = Machine(cpus=system["NCPU"], memory_bytes=system["MemTotal"])
    _tell_slots(settings, facts, host)
    _warn_of_runc(await docker.version())
    _log.info("runtime_docker", image=settings.image, notes=facts.notes, disk_bound=facts.disk_bound)
    if no_quota:
        _log.warning("disk_measured", why=f"the Docker host's kernel does not bound volumes: {no_quota}")
    runtime = DockerRuntime(
        docker,
        image=settings.image,
        executor=settings.executor,
        facts=facts,
        gates=Gates(settings.egress_dir / settings.executor),
        oci_runtime=settings.docker_runtime,
        disk_bytes=settings.disk_bytes_max,
        secrets=settings.secret_variables,
    )
    return runtime, docker


async def _kubernetes(settings: Settings, cluster: KubernetesSettings) -> KubernetesRuntime:
    # The client is a library that no other executor needs.
    try:
        from services.executor.kubernetes.choice import choose_kubernetes  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise RuntimeChoiceError(
            f"PODIUM_RUNTIME is kubernetes, and there is no Python module {error.name}: "
            "install what requirements/kubernetes.txt names"
        ) from error
    return await choose_kubernetes(settings, cluster)


async def _docker(settings: Settings) -> tuple[Docker | None, str]:
    """A client whose daemon answers, or None; and what is wrong with it, "" where nothing is."""
    try:
        docker = Docker(url=settings.docker_host)
    except (ValueError, AssertionError, DockerError) as error:
        return None, f"there is no Docker here: {error or 'no socket was found'}"
    try:
        async with asyncio.timeout(_ANSWER_S):
            await docker.version()
            await docker.images.inspect(settings.image)
    except DockerError as error:
        if error.status == 404:
            return (
                docker,
                f"the image {settings.image} is not on the Docker host; `make image` builds it",
            )
        problem = error.message
    except (aiohttp.ClientError, OSError) as error:
        problem = repr(error)
    else:
        return docker, ""
    await docker.close()
    return None, f"the Docker daemon does not answer: {problem}"


def _process(settings: Settings, reason: str) -> ProcessRuntime:
    machine = this_machine()
    facts = process_facts(
        machine, cpus=settings.cpus, memory_bytes=settings.memory_bytes, slots=settings.slots
    )
    _tell_slots(settings, facts, machine)
    _log.warning("runtime_process", reason=reason, notes=facts.notes)
    return ProcessRuntime(
        work_dir=settings.work_dir,
        executor=settings.executor,
        facts=facts,
        library_path=library_folder(settings.work_dir),
        bwrap=bwrap_path(),
    )


def _tell_slots(settings: Settings, facts: Facts, machine: Machine) -> None:
    there = {"cpus": machine.cpus, "memory_bytes": machine.memory_bytes}
    fit = fitting(machine, cpus=facts.cpus, memory_bytes=settings.memory_bytes)
    _log.info("slots", slots=facts.slots, fit=fit, **there)
    if facts.slots > fit:
        _log.warning("slots_overcommitted", slots=facts.slots, fit=fit, why="PODIUM_SLOTS asks for them")


def _warn_of_runc(version: dict[str, Any]) -> None:
    for component in version.get("Components") or ():
        if component["Name"] == "runc" and not runc_is_safe(component["Version"]):
            _log.warning(
                "runc_is_old",
                version=component["Version"],
                why="a container can escape from it (CVE-2025-31133); use 1.2.8, 1.3.3 or later",
            )
