"""Attempts as Kubernetes Jobs, one each, of which nobody but the pod's own porter learns a secret."""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from events.progress import KEPT_BACK
from services.executor.container import LABEL_ATTEMPT, LABEL_EXECUTOR, LABEL_JOB, name_of
from services.executor.kubernetes import objects
from services.executor.kubernetes.door import Door, digest_of
from services.executor.kubernetes.pods import Pods
from services.executor.kubernetes.sandbox import KubernetesSandbox
from services.executor.removal import removed
from services.executor.runtime import Facts, SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from services.executor.kubernetes.api import Api
    from services.executor.kubernetes.objects import Layout
    from services.executor.runtime import SandboxSpec

NOTES: Final = (
    "the network is closed by the cluster's network policies, where its network enforces them",
    "processes are limited by the node, if at all",
)
_PING_S: Final = 2.0
"""Meanwhile the executor reads no news of its log, a cancel for one."""


SLOTS: Final = 10
"""Nobody knows what fits into a cluster that may grow: as many as the cap is by default."""


def kubernetes_facts(*, cpus: float, memory_bytes: int, image: str | None = None) -> Facts:
    """What a pod gets: all that was asked for, or it does not start."""
    return Facts(
        runtime="kubernetes",
        cpus=cpus,
        memory_bytes=memory_bytes,
        slots=SLOTS,
        outlives=True,
        notes=NOTES,
        image=image,
    )


class KubernetesRuntime:
    """A `services.executor.runtime.Runtime` over a cluster's API, between `open` and `close`.

    Pods reach this executor at `door_host`.  `told_dir` keeps what attempts were refused; `competitions_dir`
    is where this executor sees what the layout's claim holds; `secrets` are variables that no pod is made
    with: its porter tells them, once; `pending_s` is how long a pod may take to start.
    """

    def __init__(
        self,
        api: Api,
        *,
        layout: Layout,
        facts: Facts,
        door_host: str,
        told_dir: Path,
        competitions_dir: Path | None,
        secrets: Mapping[str, str],
        pending_s: float,
    ) -> None:
        self._api = api
        self._layout = layout
        self._facts = facts
        self._door_host = door_host
        self._told_dir = told_dir
        self._competitions_dir = competitions_dir
        self._secrets = secrets
        self._pending_s = pending_s
        self._labels = {LABEL_EXECUTOR: layout.executor}
        self._pods = Pods(api, executor=layout.executor)
        self._following: asyncio.Task[None] | None = None
        self.door = Door()

    async def open(self, port: int) -> None:
        """Listen for porters, and follow the pods.

        Raises:
            OSError: the port cannot be had.
        """
        await self.door.open(port)
        self._following = asyncio.create_task(self._pods.follow())

    async def close(self) -> None:
        """End all that `open` began; what runs in the cluster goes on."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self.door.close()
        await self._api.close()

    @property
    def facts(self) -> Facts:
        """See `Runtime.facts`."""
        return self._facts

    async def ping(self) -> None:
        """See `Runtime.ping`."""
        try:
            async with asyncio.timeout(_PING_S):
                await self._api.jobs(self._labels, patience_s=0)
        except TimeoutError as error:
            message = f"The cluster's API did not answer in {_PING_S:.0f} s."
            raise SandboxError("kubernetes_unavailable", message, retryable=True) from error

    async def start(self, spec: SandboxSpec) -> KubernetesSandbox:
        """See `Runtime.start`; whether the pod finds a node is known later, by its lines."""
        data_path = self._data_path(spec)
        kept_back = dict.fromkeys(self._secrets.keys() & spec.variables.keys(), KEPT_BACK)
        keys = {name: self._secrets[name] for name in kept_back} if spec.network else {}
        spec = replace(spec, variables=spec.variables | kept_back)
        token = secrets.token_hex(32)
        sandbox = self._sandbox(name_of(spec), spec.job_id, spec.attempt)
        try:
            door = await self._door_address()
            body = objects.job(
                spec, self._layout, door=door, token_sha256=digest_of(token), data_path=data_path
            )
            job = await self._api.create_job(body)
            uid = job.metadata.uid if job.metadata is not None else None
            # After the Job, by which `find` finds what an executor that dies here leaves.
            await self._api.create_secret(
                objects.secret(spec, self._layout, job_uid=uid or "", token=token, keys=keys)
            )
            sandbox.let_in(job)
            await self._api.begin_job(name_of(spec))
        except SandboxError:
            await asyncio.shield(removed(sandbox))
            raise
        return sandbox

    async def find(self) -> Sequence[KubernetesSandbox]:
        """See `Runtime.find`: whatever else there is goes with its Job."""
        found = []
        for job in await self._api.jobs(self._labels):
            labels = (job.metadata.labels if job.metadata else None) or {}
            name = objects.name_by_labels(labels)
            if name is not None:
                found.append(self._sandbox(name, labels[LABEL_JOB], int(labels[LABEL_ATTEMPT])))
        return found

    async def _door_address(self) -> str:
        """Where pods reach this executor: they ask no name server.

        Raises:
            SandboxError: its own name cannot be looked up now.
        """
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                self._door_host, self.door.port, type=socket.SOCK_STREAM
            )
        except OSError as error:
            message = f"{self._door_host}, where pods are to reach the executor, has no address: {error}"
            raise SandboxError("door_unknown", message, retryable=True) from error
        host = str(found[0][4][0])
        return f"[{host}]:{self.door.port}" if ":" in host else f"{host}:{self.door.port}"

    def _data_path(self, spec: SandboxSpec) -> str | None:
        """Where a competition's folder is in the claim, None for one that is downloaded.

        Raises:
            SandboxError: no pod could see it.
        """
        if spec.data_dir is None:
            return None
        if self._layout.competitions_claim is None or self._competitions_dir is None:
            message = "PODIUM_KUBERNETES_COMPETITIONS_CLAIM is not set, so no pod can see local competitions."
            raise SandboxError("competition_not_found", message, retryable=False)
        return str(spec.data_dir.relative_to(self._competitions_dir.absolute()))

    def _sandbox(self, name: str, job_id: str, attempt: int) -> KubernetesSandbox:
        return KubernetesSandbox(
            name,
            job_id,
            attempt,
            api=self._api,
            pods=self._pods,
            door=self.door,
            told_file=self._told_dir / name,
            pending_s=self._pending_s,
        )
