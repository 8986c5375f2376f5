"""What an executor may ask of the Engine: all that it does ask, and nothing that would make more of it."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from services.executor.container import container_config, labels_of, name_of, volume_config
from services.executor.egress_gates import mounted
from services.executor.engine.rules import Asked, EngineRefusedError, Grant, Passed, is_owned, judge, trimmed
from services.executor.runtime import SandboxSpec
from services.quota import PROBE

JOB = "0197c0de-0000-7000-8000-000000000001"
GRANT = Grant(
    executor="one",
    image="podium-agent:local",
    oci_runtime=None,
    cpus=4,
    memory_bytes=8 * 1024**3,
    disk_bytes=64 * 1024**3,
    egress=Path("/srv/egress/one"),
    competitions=Path("/srv/competitions"),
)
LOCAL = SandboxSpec(
    job_id=JOB,
    attempt=1,
    variables={"PODIUM_COMPETITION": "t", "OMP_NUM_THREADS": "2"},
    data_dir=Path("/srv/competitions/titanic/public"),
    cpus=1.1,
    memory_bytes=1024**3,
    network=False,
)
DOWNLOADING = SandboxSpec(
    job_id=JOB, attempt=2, variables={"A": "b=c"}, data_dir=None, cpus=4, memory_bytes=1, network=True
)


def ask(call: str, *, body: Any = None, query: dict[str, str] | None = None) -> Passed:
    method, path = call.split()
    return judge(Asked(method=method, path=path, query=query or {}, body=body), GRANT)


def body_of(spec: SandboxSpec = LOCAL, **changes: Any) -> dict[str, Any]:
    egress = mounted(GRANT.egress, name_of(spec)) if spec.network else None
    config = container_config(
        spec, image=GRANT.image, executor="one", file_bytes=GRANT.disk_bytes, egress=egress
    )
    host = config["HostConfig"] | changes.pop("HostConfig", {})
    return deepcopy(config | changes | {"HostConfig": host})


def create(body: Any, name: str = name_of(LOCAL)) -> Passed:
    return ask("POST /v1.41/containers/create", body=body, query={"name": name})


@pytest.mark.parametrize("spec", [LOCAL, DOWNLOADING])
def test_the_containers_and_volumes_of_attempts_can_be_made(spec: SandboxSpec) -> None:
    body = json.loads(json.dumps(body_of(spec)))
    assert create(body, name_of(spec)).body == body
    for quota_bytes in (None, GRANT.disk_bytes):
        volume = volume_config(spec, executor="one", quota_bytes=quota_bytes)
        passed = ask("POST /v1.41/volumes/create", body=volume)
        assert (passed.body, passed.volume) == (volume, name_of(spec))


def test_the_host_can_be_asked_for_quotas() -> None:
    assert ask("POST /v1.41/volumes/create", body=PROBE).body == PROBE
    assert ask(f"DELETE /v1.41/volumes/{PROBE['Name']}").owned is None


MOUNTS = body_of()["HostConfig"]["Mounts"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        body_of(HostConfig={"Privileged": True}),
        body_of(HostConfig={"Binds": ["/:/host"]}),
        body_of(HostConfig={"CapAdd": ["SYS_ADMIN"]}),
        body_of(HostConfig={"CapDrop": []}),
        body_of(HostConfig={"SecurityOpt": ["seccomp=unconfined"]}),
        body_of(HostConfig={"NetworkMode": "host"}),
        body_of(HostConfig={"PidMode": "host"}),
        body_of(HostConfig={"Devices": [{"PathOnHost": "/dev/vda"}]}),
        body_of(HostConfig={"Runtime": "other"}),
        body_of(HostConfig={"NanoCpus": 5_000_000_000}),
        body_of(HostConfig={"NanoCpus": 0}),
        body_of(HostConfig={"NanoCpus": "1"}),
        body_of(HostConfig={"Memory": 9 * 1024**3, "MemorySwap": 9 * 1024**3}),
        body_of(HostConfig={"MemorySwap": -1}),
        body_of(HostConfig={"Mounts": [*MOUNTS, {"Type": "bind", "Source": "/", "Target": "/host"}]}),
        body_of(HostConfig={"Mounts": [MOUNTS[0], MOUNTS[1] | {"Source": "/etc/public"}]}),
        body_of(HostConfig={"Mounts": [MOUNTS[0], MOUNTS[1] | {"Source": "/srv/competitions/../public"}]}),
        body_of(HostConfig={"Mounts": [MOUNTS[0], MOUNTS[1] | {"ReadOnly": False}]}),
        body_of(HostConfig={"Mounts": [MOUNTS[0] | {"Source": "podium_nats-data"}, MOUNTS[1]]}),
        body_of(Image="podium-agent:other"),
        body_of(User="0"),
        body_of(Entrypoint=["sh"]),
        body_of(Labels=labels_of(LOCAL, "two")),
        body_of(Env=["A=1", "A=2"]),
        body_of() | {"hostconfig": {"Privileged": True}},
    ],
)
def test_no_other_container_can_be_made(body: Any) -> None:
    with pytest.raises(EngineRefusedError):
        create(body)


def test_a_container_has_its_attempts_name() -> None:
    with pytest.raises(EngineRefusedError, match="its name"):
        create(body_of(), "podium-gateway-1")


def test_a_way_out_is_the_folder_made_for_it_and_no_other() -> None:
    mounts = body_of(DOWNLOADING)["HostConfig"]["Mounts"]
    body = body_of(DOWNLOADING, HostConfig={"Mounts": [mounts[0], mounts[1] | {"Source": "/run"}]})
    with pytest.raises(EngineRefusedError, match="HostConfig"):
        create(body, name_of(DOWNLOADING))


@pytest.mark.parametrize(
    "volume",
    [
        {"Name": name_of(LOCAL), "Labels": labels_of(LOCAL, "two")},
        {"Name": "podium_nats-data", "Labels": labels_of(LOCAL, "one")},
        {"Name": "podium-../../etc-1", "Labels": labels_of(LOCAL, "one") | {"podium.job_id": "../../etc"}},
        volume_config(LOCAL, executor="one", quota_bytes=GRANT.disk_bytes + 1),
        {
            "Name": name_of(LOCAL),
            "Labels": labels_of(LOCAL, "one"),
            "DriverOpts": {"type": "none", "device": "/", "o": "bind"},
        },
    ],
)
def test_no_other_volume_can_be_made(volume: Any) -> None:
    with pytest.raises(EngineRefusedError):
        ask("POST /v1.41/volumes/create", body=volume)


@pytest.mark.parametrize(
    "call",
    [
        "POST /v1.41/containers/x/start",
        "POST /v1.41/containers/x/stop",
        "GET /v1.41/containers/x/json",
        "GET /v1.41/containers/x/logs",
        "GET /v1.41/containers/x/archive",
        "HEAD /v1.41/containers/x/archive",
        "DELETE /v1.41/containers/x",
        "DELETE /v1.41/volumes/x",
    ],
)
def test_what_is_there_has_to_be_the_executors(call: str) -> None:
    kind = "volumes" if "volumes" in call else "containers"
    assert ask(call, body={"HostConfig": {"Privileged": True}}) == Passed(
        path=call.split()[1], owned=(kind, "x")
    )


@pytest.mark.parametrize(
    "call",
    [
        "PUT /v1.41/containers/x/archive",
        "POST /v1.41/containers/x/exec",
        "POST /v1.41/containers/x/update",
        "POST /v1.41/containers/x/attach",
        "POST /v1.23/containers/x/start",
        "GET /v1.41/containers/../info/json",
        "GET /v1.41/containers/x%2Fy/json",
        "POST /v1.41/build",
        "POST /v1.41/images/create",
        "GET /v1.41/images/other:1/json",
        "DELETE /v1.41/images/podium-agent:local",
        "POST /v1.41/networks/create",
        "GET /v1.41/secrets",
        "POST /v1.41/volumes/prune",
        "GET /v1.41/events",
        "GET /containers/x/json/",
    ],
)
def test_nothing_else_is_passed_on(call: str) -> None:
    with pytest.raises(EngineRefusedError):
        ask(call)


@pytest.mark.parametrize("path", ["/v1.41/containers/json", "/v1.41/volumes"])
def test_lists_are_of_the_executors_own(path: str) -> None:
    own = {"filters": '{"label": ["podium.executor=one"]}'}
    assert ask(f"GET {path}", query=own) == Passed(path=path)
    for filters in (
        {},
        {"filters": "{}"},
        {"filters": '{"label": ["podium.executor=two"]}'},
        {"filters": "x"},
    ):
        with pytest.raises(EngineRefusedError):
            ask(f"GET {path}", query=filters)


def test_answers_about_the_whole_host_are_cut_down() -> None:
    own, other = {"Labels": {"podium.executor": "one"}}, {"Labels": None}
    assert ask("GET /v1.41/info").trim
    assert ask("GET /v1.41/system/df").trim
    assert trimmed("/v1.41/info", {"NCPU": 2, "MemTotal": 3, "Name": "host"}, GRANT) == {
        "NCPU": 2,
        "MemTotal": 3,
    }
    assert trimmed("/system/df", {"Volumes": [own, other], "Containers": [1]}, GRANT) == {"Volumes": [own]}
    assert is_owned({"Config": own}, GRANT)
    assert not is_owned({"Config": other, "Labels": own["Labels"]}, GRANT)
