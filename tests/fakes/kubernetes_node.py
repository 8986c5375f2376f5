"""A node of the cluster on a local port: runs the containers of a pod as processes of this machine.

Volumes are folders; what a variable or an argument says of a mounted path is led to its folder.  Nothing of
what confines a container is here: resources, users, read-only mounts and networks are not enforced.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Sequence

    from tests.fakes.kubernetes_server import Cluster

ROOT = Path(__file__).parents[2]
Object = dict[str, Any]


class Written:
    """The log of a container: each line with the time when it came."""

    def __init__(self) -> None:
        self._entries: list[bytes] = []
        self._ended = False
        self._news = asyncio.Event()

    def add(self, line: bytes) -> None:
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        self._entries.append(stamp.encode() + b" " + line.rstrip(b"\n") + b"\n")
        self._wake()

    def end(self) -> None:
        self._ended = True
        self._wake()

    async def follow(self) -> AsyncIterator[bytes]:
        read = 0
        while True:
            news = self._news
            for entry in self._entries[read:]:
                yield entry
                read += 1
            if self._ended and read == len(self._entries):
                return
            if read == len(self._entries):
                await news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class Node:
    """Runs pods; `agent` is what an image without a command would run, `claims` where volume claims lead.

    `image_there` False: no image can be pulled; `room` False: no pod is scheduled.
    """

    def __init__(self, *, agent: Sequence[str], claims: dict[str, Path] | None = None) -> None:
        self.image_there = True
        self.room = True
        self._agent = tuple(agent)
        self._claims = claims or {}
        # A socket's path may have 107 bytes, which a test's own folder soon has.
        self.folder = Path(tempfile.mkdtemp(prefix="podium-node-"))
        self._logs: dict[tuple[str, str], Written] = {}
        self._processes: dict[tuple[str, str], Process] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._kills: dict[str, float] = {}
        self._cluster: Cluster | None = None

    def attach(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def run(self, pod: Object) -> None:
        """Begin a pod."""
        self._go(self._run(pod))

    def delete(self, pod: Object, grace_s: float) -> None:
        """End a pod: SIGTERM now, SIGKILL after the grace; a later wish can only shorten it."""
        name = pod["metadata"]["name"]
        kill_at = asyncio.get_running_loop().time() + grace_s
        first = name not in self._kills
        self._kills[name] = min(kill_at, self._kills.get(name, kill_at))
        if first:
            pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            pod["metadata"]["deletionGracePeriodSeconds"] = int(grace_s)
            self.cluster.put("pods", pod)
            self._go(self._end(pod))

    def written(self, pod: str, container: str) -> Written | None:
        """The log of a container, None before its start."""
        return self._logs.get((pod, container))

    def kill(self, pod: str, container: str = "agent") -> None:
        """Kill a container's process, as a kernel out of memory does."""
        self._processes[pod, container].kill()

    def alive(self) -> list[str]:
        """The containers that run, whoever's."""
        return [one for (_, one), process in self._processes.items() if process.returncode is None]

    def status(self, pod: Object, **changes: Any) -> None:
        """The node says something of a pod."""
        pod["status"] |= changes
        self.cluster.put("pods", pod)

    async def close(self) -> None:
        """Kill whatever runs and remove all folders."""
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for process in self._processes.values():
            await process.wait()
        shutil.rmtree(self.folder)

    @property
    def cluster(self) -> Cluster:
        assert self._cluster is not None
        return self._cluster

    def _go(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, pod: Object) -> None:
        containers = pod["spec"]["containers"]
        if not self.room:
            why = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                   "message": "0/3 nodes are available: 3 Insufficient cpu."}  # fmt: skip
            self.status(pod, conditions=[why])
            return
        if not self.image_there:
            for reason in ("ErrImagePull", "ImagePullBackOff"):
                waiting = {"waiting": {"reason": reason, "message": "Back-off pulling image: not found"}}
                self.status(pod, containerStatuses=[_container_status(one, waiting) for one in containers])
                await asyncio.sleep(0.01)
            return
        volumes = self._volumes(pod)
        running = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        for one in containers:
            await self._start(pod, one, volumes)
        statuses = [_container_status(one, running) for one in containers]
        self.status(pod, phase="Running", containerStatuses=statuses)
        await asyncio.gather(*(self._ended(pod, one["name"]) for one in containers))
        codes = [one["state"]["terminated"]["exitCode"] for one in pod["status"]["containerStatuses"]]
        if pod["status"]["phase"] == "Running":
            self.status(pod, phase="Failed" if any(codes) else "Succeeded")

    def _volumes(self, pod: Object) -> dict[str, Path]:
        found = {}
        for volume in pod["spec"]["volumes"]:
            folder = self.folder / pod["metadata"]["name"] / volume["name"]
            if "persistentVolumeClaim" in volume:
                found[volume["name"]] = self._claims[volume["persistentVolumeClaim"]["claimName"]]
                continue
            folder.mkdir(parents=True)
            if "secret" in volume:
                secret = self.cluster.objects["secrets"][volume["secret"]["secretName"]]
                for name, text in secret["stringData"].items():
                    (folder / name).write_text(text)
            found[volume["name"]] = folder
        return found

    async def _start(self, pod: Object, container: Object, volumes: dict[str, Path]) -> None:
        mounts = {
            one["mountPath"]: volumes[one["name"]] / one.get("subPath", "")
            for one in container["volumeMounts"]
        }
        variables = {one["name"]: _led(one["value"], mounts) for one in container["env"]}
        command = container.get("command", self._agent)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable if word == "/opt/venv/bin/python" else word for word in command),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            limit=2**20,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", **variables},
            start_new_session=True,
        )
        key = pod["metadata"]["name"], container["name"]
        self._processes[key], self._logs[key] = process, Written()

    async def _ended(self, pod: Object, container: str) -> None:
        key = pod["metadata"]["name"], container
        process, log = self._processes[key], self._logs[key]
        assert process.stdout is not None
        assert process.stderr is not None

        async def pump(stream: asyncio.StreamReader) -> None:
            async for written in stream:
                log.add(written)

        await asyncio.gather(pump(process.stdout), pump(process.stderr))
        code = await process.wait()
        log.end()
        code = code if code >= 0 else 128 - code
        reason = {0: "Completed", 137: "OOMKilled"}.get(code, "Error")
        if pod["metadata"].get("deletionTimestamp") and code == 137:
            reason = "Error"
        for status in pod["status"]["containerStatuses"]:
            if status["name"] == container:
                status["state"] = {"terminated": {"exitCode": code, "reason": reason}}
        if pod["metadata"]["name"] in self.cluster.objects["pods"]:
            self.cluster.put("pods", pod)

    async def _end(self, pod: Object) -> None:
        name = pod["metadata"]["name"]
        mine = [process for (one, _), process in self._processes.items() if one == name]
        for process in mine:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        clock = asyncio.get_running_loop().time
        while any(one.returncode is None for one in mine) and clock() < self._kills[name]:
            await asyncio.sleep(0.01)
        for process in mine:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        await asyncio.sleep(0.05)
        if name in self.cluster.objects["pods"]:
            self.cluster.drop("pods", name)


def _container_status(container: Object, state: Object) -> Object:
    return {
        "name": container["name"], "image": container["image"], "imageID": "", "ready": True,
        "restartCount": 0, "state": state,
    }  # fmt: skip


def _led(text: str, mounts: dict[str, Path]) -> str:
    """A path below a mount, as it is on this machine."""
    for mount in sorted(mounts, key=len, reverse=True):
        if text == mount or text.startswith(f"{mount}/"):
            return f"{mounts[mount]}{text.removeprefix(mount)}"
    return text
