"""The two containers of an attempt's pod, run by Docker as their specification says: no cluster is here.

What Docker has the same words for is taken over: image, command, environment, user, read-only root,
privileges, limits, and one network for both.  Folders are writable for everybody, as a kubelet makes them.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from events.progress import KEPT_BACK
from services.executor.container import DATA, name_of
from services.executor.egress import allow_list
from services.executor.egress_told import Told
from services.executor.kubernetes.door import Door, digest_of
from services.executor.kubernetes.guest import Guest
from services.executor.kubernetes.objects import Layout, job, secret
from services.executor.runtime import FileRefusedError, SandboxSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiodocker import Docker

pytestmark = pytest.mark.docker

KEY, TOKEN = "canary-key-of-the-pod", "canary-token-of-the-pod"
AGENT = """
import json, os, sys, urllib.request
from pathlib import Path
sys.path.insert(0, "/app")
from agent.relay import _keys, lead_out
def refused(attempt):
    try:
        attempt()
    except OSError as error:
        return error.errno or type(error).__name__
way = os.environ["PODIUM_EGRESS_SOCKET"]
lead_out(os.environ)
lines = Path("/proc/self/status").read_text().splitlines()
status = dict(line.split(":\\t") for line in lines if ":\\t" in line)
output = Path(os.environ["PODIUM_OUTPUT_DIR"])
Path(os.environ["PODIUM_WORK_DIR"]).mkdir()
answer = urllib.request.urlopen(os.environ["ANTHROPIC_BASE_URL"] + "/models", timeout=20).read().decode()
seen = {
    "key": os.environ["ANTHROPIC_API_KEY"], "again": _keys(way), "answer": answer,
    "pid": os.getpid(), "uid": os.getuid(), "capabilities": status["CapEff"].strip(),
    "new_privileges": status["NoNewPrivs"].strip(), "others": len(list(Path("/proc").glob("[0-9]*"))),
    "root": refused(lambda: Path("/app/mark").write_text("")),
    "way": refused(lambda: Path(way + "x").touch()),
    "pass": Path("/run/pass").exists(), "data": sorted(one.name for one in Path("/data").iterdir()),
}
for folder in ("/tmp", "/dev/shm", "/output/work"):
    (Path(folder) / "mark").write_text("")
(output / "seen.json").write_text(json.dumps(seen))
(output / "link").symlink_to("/run/pass/token")
"""


@asynccontextmanager
async def pod(
    docker: Docker, body: dict[str, Any], given: dict[str, Any], folder: Path, network: str
) -> AsyncIterator[dict[str, Any]]:
    """The pod's containers by their names, begun; removed at the end."""
    spec = body["spec"]["template"]["spec"]
    folders = {}
    for volume in spec["volumes"]:
        folders[volume["name"]] = (
            folder / "claim" if "persistentVolumeClaim" in volume else folder / volume["name"]
        )
        if "secret" in volume:
            folders["pass"].mkdir()
            for name, text in given["stringData"].items():
                (folders["pass"] / name).write_text(text)
        if "emptyDir" in volume:
            folders[volume["name"]].mkdir()
            folders[volume["name"]].chmod(0o777)
    made: dict[str, Any] = {}
    try:
        for container in reversed(spec["containers"]):  # the porter first: its network is the pod's
            at = f"container:{made['porter'].id}" if made else network
            one = await docker.containers.create(docker_config(container, spec, folders, at))
            made[container["name"]] = one
            await one.start()
        yield made
    finally:
        for one in made.values():
            await one.delete(force=True, v=True)


def docker_config(
    container: dict[str, Any], spec: dict[str, Any], folders: dict[str, Path], network: str
) -> Any:
    """A container of a pod in the Engine's words."""
    user, confined = spec["securityContext"], container["securityContext"]
    limits = container["resources"]["limits"]
    return {
        "Image": container["image"],
        **({"Entrypoint": container["command"]} if "command" in container else {}),
        "Env": [f"{one['name']}={one['value']}" for one in container["env"]],
        "User": f"{user['runAsUser']}:{user['runAsGroup']}",
        "Labels": {"podium.executor": "test-pod"},
        "HostConfig": {
            "ReadonlyRootfs": confined["readOnlyRootFilesystem"],
            "CapDrop": confined["capabilities"]["drop"],
            "SecurityOpt": [] if confined["allowPrivilegeEscalation"] else ["no-new-privileges:true"],
            "NanoCpus": int(limits["cpu"].removesuffix("m")) * 1_000_000,
            "Memory": bytes_of(limits["memory"]),
            "NetworkMode": network,
            "Mounts": [
                {
                    "Type": "bind",
                    "Source": str(folders[one["name"]] / one.get("subPath", "")),
                    "Target": one["mountPath"],
                    "ReadOnly": one.get("readOnly", False),
                }
                for one in container["volumeMounts"]
            ],
        },
    }


def bytes_of(quantity: str) -> int:
    return int(quantity.removesuffix("Mi")) * 2**20 if quantity.endswith("Mi") else int(quantity)


async def test_a_pods_containers_work_together_as_confined_as_they_are_specified(
    docker: Docker, real_image: str, tmp_path: Path
) -> None:
    async def models(_: web.Request) -> web.Response:
        return web.Response(text="a model")

    app = web.Application()
    app.router.add_get("/models", models)
    tmp_path.chmod(0o755)
    data = tmp_path / "claim" / "t" / "public"
    data.mkdir(parents=True)
    (data / "agent.py").write_text(AGENT)
    door, told = Door(), Told(tmp_path / "told", "pod")
    network = await docker.networks.create({"Name": f"podium-pod-{uuid4().hex[:12]}", "Driver": "bridge"})
    try:
        gateway = (await network.show())["IPAM"]["Config"][0]["Gateway"]
        await door.open(0)
        async with TestServer(app) as there:
            spec = SandboxSpec(
                job_id=uuid4().hex, attempt=1, cpus=1, memory_bytes=2**30, network=True,
                data_dir=Path("/c/t/public"),
                variables={
                    "ANTHROPIC_API_KEY": KEPT_BACK, "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{there.port}",
                },
            )  # fmt: skip
            layout = Layout(
                executor="e", image=real_image, disk_bytes=2**30, deadline_s=99, competitions_claim="c"
            )
            body = job(
                spec,
                layout,
                door=f"{gateway}:{door.port}",
                token_sha256=digest_of(TOKEN),
                data_path="t/public",
            )
            agent = body["spec"]["template"]["spec"]["containers"][0]
            agent["command"] = ["/opt/venv/bin/python", f"{DATA}/agent.py"]
            given = secret(spec, layout, job_uid="u", token=TOKEN, keys={"ANTHROPIC_API_KEY": KEY})
            assert given["metadata"]["name"] == name_of(spec)
            guest = Guest("pod", allowed=allow_list(spec.variables | {"PODIUM_DATA_DIR": DATA}), told=told)
            door.let_in(digest_of(TOKEN), guest)
            name = (await network.show())["Name"]
            async with pod(docker, body, given, tmp_path, name) as made:
                ended = await asyncio.wait_for(made["agent"].wait(), 60)
                assert ended["StatusCode"] == 0, await made["agent"].log(stdout=True, stderr=True)
                seen = json.loads(await guest.read("seen.json", bytes_max=10_000))
                assert (await guest.used_bytes() or 0) > 0
                with pytest.raises(FileRefusedError):
                    await guest.read("link", bytes_max=10_000)
    finally:
        await door.close()
        await network.delete()
    assert seen == {
        "key": KEY, "again": {}, "answer": "a model",
        "pid": 1, "uid": 10001, "capabilities": "0000000000000000", "new_privileges": "1", "others": 1,
        "root": 30, "way": 30, "pass": False, "data": ["agent.py"],
    }  # fmt: skip
