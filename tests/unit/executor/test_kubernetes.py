"""What a cluster is asked for, held against its own schema; how a pod stands; where a log was broken off."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from lightkube.resources import core_v1 as core
from msgspec.structs import replace

from agent.porter import reachable
from events.progress import KEPT_BACK
from services.environment import Environment, SettingError
from services.executor.choice import RuntimeChoiceError, choose
from services.executor.egress_told import Told
from services.executor.kubernetes.door import Door, digest_of
from services.executor.kubernetes.guest import Guest
from services.executor.kubernetes.log_place import Place
from services.executor.kubernetes.objects import Layout, job, name_by_labels, secret
from services.executor.kubernetes.state import Ended, Lost, Running, Waiting, judge
from services.executor.runtime import Exit, FileRefusedError, SandboxSpec
from services.executor.settings import read
from tests import kubernetes_schema as schema
from tests.unit.executor.stage import settings

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator

    from services.executor.kubernetes.state import State

SPEC = SandboxSpec(
    job_id="j",
    attempt=2,
    variables={"PODIUM_NONCE": "n", "ANTHROPIC_API_KEY": KEPT_BACK, "ODD": "$(HOME)"},
    data_dir=Path("/c/t/public"),
    cpus=1.5,
    memory_bytes=2**30,
    network=True,
)
LAYOUT = Layout(executor="e", image="i", disk_bytes=2**30, deadline_s=99, competitions_claim="c")
RICH = replace(LAYOUT, runtime_class="gvisor", user_namespaces=True)


def made(
    spec: SandboxSpec = SPEC, layout: Layout = LAYOUT, data_path: str | None = "t/public"
) -> dict[str, Any]:
    return job(spec, layout, door="10.0.0.1:7900", token_sha256="ab", data_path=data_path)


@pytest.mark.parametrize("version", ["1.31", "1.37"])
def test_the_api_knows_every_field_of_what_it_is_asked_for(version: str) -> None:
    for one in (
        made(),
        made(layout=RICH),
        made(replace(SPEC, network=False, data_dir=None), data_path=None),
        secret(SPEC, LAYOUT, job_uid="u", token="t", keys={"K": "v"}),
    ):
        schema.check(one, version)


def test_a_pod_can_do_no_more_than_it_needs() -> None:
    whole = made()
    pod = whole["spec"]["template"]["spec"]
    assert (whole["spec"]["suspend"], whole["spec"]["backoffLimit"], pod["restartPolicy"]) == (
        True,
        0,
        "Never",
    )
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & pod.keys()
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"] == container["resources"]["requests"]
    kinds = {next(kind for kind in volume if kind != "name") for volume in pod["volumes"]}
    assert kinds == {"emptyDir", "secret", "persistentVolumeClaim"}
    assert all("sizeLimit" in volume["emptyDir"] for volume in pod["volumes"] if "emptyDir" in volume)
    assert made(layout=RICH)["spec"]["template"]["spec"]["hostUsers"] is False


def test_the_agent_sees_of_its_porter_a_socket_and_nothing_else() -> None:
    agent, porter = made()["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: one["value"] for one in agent["env"]}
    assert variables["PODIUM_EGRESS_SOCKET"] == "/run/podium/proxy.sock"
    assert variables["ANTHROPIC_API_KEY"] == KEPT_BACK
    assert variables["ODD"] == "$$(HOME)"
    shared = {one["name"]: one for one in agent["volumeMounts"]}
    assert "pass" not in shared
    assert shared["egress"]["readOnly"] is True
    assert shared["data"] == {"name": "data", "mountPath": "/data", "subPath": "t/public", "readOnly": True}
    assert {one["name"]: one.get("readOnly") for one in porter["volumeMounts"]} == {
        "output": True, "egress": None, "pass": True,
    }  # fmt: skip
    told = secret(SPEC, LAYOUT, job_uid="u", token="t", keys={"K": "v"})
    assert told["metadata"]["ownerReferences"][0]["uid"] == "u"
    assert "token" not in json.dumps(made()).replace("automountServiceAccountToken", "").replace(
        "token-sha256", ""
    )
    assert name_by_labels(made()["spec"]["template"]["metadata"]["labels"]) == "podium-j-2"
    assert name_by_labels({"app": "another"}) is None


TAKEN = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager", "message": "away"}
NO_ROOM = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}


def state(agent: dict[str, Any] | None, porter: dict[str, Any] | None = None, **status: Any) -> State:
    statuses = [
        {"name": name, "image": "i:1", "imageID": "", "ready": True, "restartCount": 0, "state": one}
        for name, one in (("agent", agent), ("porter", porter))
        if one is not None
    ]
    gone = status.pop("gone", False)
    pod = msgspec.convert({"status": {"containerStatuses": statuses, **status}}, core.Pod)
    return judge(pod, gone=gone)


def ended(code: int, reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason}}


def waiting(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": "m"}}


RUNNING: dict[str, Any] = {"running": {}}


def test_an_agent_that_has_ended_by_itself_has_an_exit() -> None:
    assert state(RUNNING) == Running()
    assert state(ended(1)) == Ended(exit=Exit(code=1, out_of_memory=False))
    assert state(ended(137, "OOMKilled")) == Ended(exit=Exit(code=137, out_of_memory=True))
    done = Ended(exit=Exit(code=0, out_of_memory=False))
    assert state(ended(0, "Completed"), conditions=[TAKEN], phase="Failed", gone=True) == done


@pytest.mark.parametrize(
    ("found", "reason", "retryable"),
    [
        (lambda: state(RUNNING, conditions=[TAKEN]), "node_lost", True),
        (
            lambda: state(ended(143), conditions=[TAKEN | {"reason": "PreemptionByScheduler"}]),
            "preempted",
            True,
        ),
        (lambda: state(ended(137), conditions=[TAKEN | {"reason": "TerminationByKubelet"}]), "evicted", True),
        (lambda: state(RUNNING, phase="Failed", reason="Evicted", message="over"), "disk_full", False),
        (lambda: state(ended(137, "ContainerStatusUnknown")), "node_lost", True),
        (lambda: state(RUNNING, gone=True), "pod_gone", True),
        (lambda: state(RUNNING, phase="Failed", reason="UnexpectedAdmissionError"), "pod_failed", True),
        (lambda: state(RUNNING, ended(1)), "porter_ended", True),
        (lambda: state(waiting("ImagePullBackOff")), "image_missing", False),
        (lambda: state(waiting("InvalidImageName")), "image_missing", False),
        (lambda: state(waiting("CreateContainerError")), "start_failed", True),
    ],
)
def test_what_the_cluster_did_is_an_accident_and_what_the_pod_did_is_not(
    found: Any, reason: str, retryable: bool
) -> None:
    lost = found()
    assert isinstance(lost, Lost)
    assert (lost.failure.reason, lost.failure.retryable) == (reason, retryable)


def test_a_pod_that_may_still_start_is_waited_for() -> None:
    assert state(None) == Waiting(why="")
    assert state(None, conditions=[NO_ROOM]) == Waiting(why="0/3 nodes")
    assert state(waiting("ErrImagePull")) == Waiting(why="ErrImagePull: m")
    assert state(None, conditions=[TAKEN | {"status": "False"}]) == Waiting(why="")


def entry(second: float, text: str) -> bytes:
    return f"2026-01-01T00:00:{second:012.9f}Z {text}".encode()


def test_a_log_that_is_read_again_goes_on_where_it_broke_off() -> None:
    # Two pipes are read at once: the third line is older than the second, and two lines are the same.
    log = [
        entry(1, "a"), entry(5.000000002, "b"), entry(5.000000001, "c"), entry(5.000000002, "b"),
        entry(5.1, "d e"), b"unable to retrieve container logs", entry(9, "f"),
    ]  # fmt: skip
    texts = [b"a", b"b", b"c", b"b", b"d e", b"f"]
    for broken_at in range(len(log) + 1):
        place = Place()
        read = [place.text_of(one) for one in log[:broken_at]]
        place.resume()
        read += [place.text_of(one) for one in log]
        place.resume()
        read += [place.text_of(one) for one in log]
        assert [text for text in read if text is not None] == texts, broken_at


def test_a_porter_finds_out_whether_anything_keeps_its_pod_in() -> None:
    with socket.create_server(("127.0.0.1", 0)) as api:
        assert reachable(api.getsockname())
        address = api.getsockname()
    assert not reachable(address)


async def test_the_door_is_for_those_it_knows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    door, guest = Door(), Guest("g", allowed=None, told=Told(tmp_path / "told", "g"))
    await door.open(0)
    door.let_in(digest_of("right"), guest)

    @asynccontextmanager
    async def coming(greeting: bytes) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        try:
            writer.write(greeting)
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    try:
        for greeting in (b"podium-porter files wrong\n", b"GET / HTTP/1.1\r\n", b"\xff\n", b"\n"):
            async with coming(greeting) as (reader, _):
                assert await reader.read() == b""
        assert await guest.used_bytes() is None
        asking = asyncio.create_task(guest.read("f", bytes_max=3))
        async with coming(b"podium-porter files right\n") as (reader, _):
            assert await reader.readline() == b"ok\n"
            assert json.loads(await reader.readline()) == {"read": "f", "bytes_max": 3}
        # It broke off in the middle of an answer: the next connection is asked the same.
        async with coming(b"podium-porter files right\n") as (reader, writer):
            assert [await reader.readline() for _ in range(2)][1].startswith(b'{"read":"f"')
            writer.write(b'{"bytes": 3}\nabc')
            assert await asking == b"abc"
            using = asyncio.create_task(guest.used_bytes())
            assert json.loads(await reader.readline()) == {"used": True}
            writer.write(b'{"used_bytes": 5, "network_open": true}\n')
            assert await using == 5
            assert "pod_network_open" in capsys.readouterr().out
            asking = asyncio.create_task(guest.read("f", bytes_max=3))
            await reader.readline()
            writer.write(b'{"bytes": 9}\nninebytes')
            with pytest.raises(FileRefusedError, match="9 bytes came"):
                await asking
        async with coming(b"podium-porter files right\n") as (reader, _):
            asking = asyncio.create_task(guest.read("f", bytes_max=3))
            assert [await reader.readline() for _ in range(2)][1].startswith(b'{"read":"f"')
            asking.cancel()  # its answer, should it come, is none to the next question
            assert await reader.read() == b""
        async with coming(b"podium-porter files right\n") as (reader, _):
            await reader.readline()
            await door.forget(digest_of("right"))
            assert await reader.read() == b""
    finally:
        await door.close()


async def test_what_a_door_took_in_ends_with_it(tmp_path: Path) -> None:
    door, guest = Door(), Guest("g", allowed=None, told=Told(tmp_path / "told", "g"))
    await door.open(0)
    door.let_in(digest_of("right"), guest)
    late = await asyncio.start_server(guest.take_files, "127.0.0.1", 0)
    async with asyncio.timeout(10):
        silent = await asyncio.open_connection("127.0.0.1", door.port)
        known = await asyncio.open_connection("127.0.0.1", door.port)
        known[1].write(b"podium-porter files right\n")
        assert await known[0].readline() == b"ok\n"
        await door.close()
        too_late = await asyncio.open_connection(*late.sockets[0].getsockname())
        for reader, writer in (silent, known, too_late):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
    late.close()


def test_a_cluster_is_told_of_in_full_or_not_at_all() -> None:
    asked = {"PODIUM_RUNTIME": "kubernetes", "PODIUM_EXECUTOR_ID": "e"}
    found = read(Environment(asked)).kubernetes
    assert found is not None
    assert (found.namespace, found.door_host, found.door_port) == ("podium-attempts", "podium-executor", 7900)
    assert read(Environment({})).kubernetes is None
    for name, value in (
        ("PODIUM_KUBERNETES_DOOR", "executor"),
        ("PODIUM_KUBERNETES_DOOR", "executor:70000"),
        ("PODIUM_KUBERNETES_USER_NAMESPACES", "yes"),
        ("PODIUM_EXECUTOR_ID", "-e"),
    ):
        with pytest.raises(SettingError, match=name):
            read(Environment(asked | {name: value}))


async def test_without_its_library_an_executor_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = read(Environment({"PODIUM_RUNTIME": "kubernetes", "PODIUM_EXECUTOR_ID": "e"})).kubernetes
    for name in ("lightkube", "services.executor.kubernetes.choice"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RuntimeChoiceError, match=r"requirements/kubernetes\.txt"):
        await choose(settings(tmp_path, kubernetes=cluster))
