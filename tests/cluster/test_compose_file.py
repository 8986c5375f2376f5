"""compose.cluster.yaml as Compose reads it: all is there twice, and nobody has more than it needs."""

from __future__ import annotations

import subprocess
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.cluster.steps import ALL, NATS, TWICE
from tests.compose.composition import ROOT, needed_compose

if TYPE_CHECKING:
    from pathlib import Path

ONCE = {"prepare", "operator"}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    compose = needed_compose(daemon=False)
    env = tmp_path_factory.mktemp("compose") / "env"
    env.write_text("DOCKER_GID=1\nPODIUM_SECRETS_DIR=/secrets\n")
    words = ("--env-file", str(env), "--file", "compose.cluster.yaml", "--profile", "operator", "config")
    shown = subprocess.run([*compose, *words], cwd=ROOT, capture_output=True, check=True)
    found: dict[str, dict[str, Any]] = yaml.safe_load(shown.stdout)["services"]
    return found


def secrets_of(service: dict[str, Any]) -> dict[str, str]:
    """The files that a service sees, by where it sees them."""
    given = [{"source": one} if isinstance(one, str) else one for one in service.get("secrets", ())]
    return {one.get("target", one["source"]): one["source"] for one in given}


def test_all_is_there_that_the_cluster_is_made_of(services: dict[str, Any]) -> None:
    assert set(services) == {*ALL, *ONCE}


def test_a_container_can_change_nothing_and_has_limits(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"], name
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"]), name
        assert all(service[limit] for limit in ("mem_limit", "cpus", "pids_limit")), name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        if name not in ONCE:
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"], name
        # The images of the others name a user that is not root; prepare gives folders away, and ends.
        if name != "prepare":
            assert service.get("user", "podium").split(":")[0] not in {"0", "root"}, name
            assert "cap_add" not in service, name


def test_only_the_balancer_is_published_and_it_reaches_gateways_alone(services: dict[str, Any]) -> None:
    networks = {name: set(service.get("networks", ())) for name, service in services.items()}
    assert {name for name, service in services.items() if service.get("ports")} == {"balancer"}
    assert {name for name, of in networks.items() if "edge" in of} == {"balancer", "gateway-1", "gateway-2"}
    assert networks["balancer"] == {"front", "edge"}
    outward = {"executor-1", "executor-2", "webhooks-1", "webhooks-2"}
    assert {name for name, of in networks.items() if "out" in of} == outward


def test_a_service_has_its_own_user_and_the_twins_differ_in_nothing_else(services: dict[str, Any]) -> None:
    services = deepcopy(services)
    for user in (*TWICE, "operator"):
        names = [user] if user == "operator" else [f"{user}-1", f"{user}-2"]
        for name in names:
            seen = secrets_of(services[name])
            if user == "engine":
                assert seen == {}
                continue
            assert seen["nats_url"] == f"nats_url_{user}"
            assert (seen["nats_certificate"], seen["nats_key"]) == (f"{user}_certificate", f"{user}_key")
            assert services[name]["environment"]["PODIUM_NATS_REPLICAS"] == "3"
        if user in {"engine", "executor"}:
            ids = [services[name]["environment"].pop("PODIUM_EXECUTOR_ID") for name in names]
            assert ids == ["executor-1", "executor-2"]
            mounts = [str(services[name].pop("volumes")) for name in names]
            assert mounts[0].replace("engine-1", "engine-2") == mounts[1] != mounts[0]
            for name in names:
                services[name].pop("depends_on")
        assert services[names[0]] == services[names[-1]]


def test_an_executor_and_its_filter_agree_on_what_a_container_is(services: dict[str, Any]) -> None:
    for number in (1, 2):
        said, done = (services[f"{name}-{number}"]["environment"] for name in ("executor", "engine"))
        shared = {name for name in done if name.startswith("PODIUM_")} - {"PODIUM_ENGINE_SOCKET"}
        assert {name: said.get(name) for name in shared} == {name: done[name] for name in shared}


def test_a_nats_server_has_its_own_name_certificate_and_disk(services: dict[str, Any]) -> None:
    for number, name in enumerate(NATS, start=1):
        assert services[name]["environment"]["NATS_NAME"] == name
        seen = secrets_of(services[name])
        assert (seen["server.crt"], seen["server.key"]) == (
            f"nats_{number}_certificate",
            f"nats_{number}_key",
        )
        assert f"{name}-data" in str(services[name]["volumes"])


def test_the_socket_of_docker_is_where_there_is_no_network(services: dict[str, Any]) -> None:
    having = {
        name for name, service in services.items() if "/var/run/docker.sock" in str(service.get("volumes"))
    }
    assert having == {"engine-1", "engine-2"}
    assert all(services[name]["network_mode"] == "none" for name in having)


def test_secrets_once_made_stay_and_hold_the_three_servers(tmp_path: Path) -> None:
    made, again = [_made_secrets(tmp_path) for _ in range(2)]
    assert again == made
    password = dict(line.split("=") for line in made["nats_cluster_passwords"].decode().splitlines())
    of_gateway = password["NATS_GATEWAY_PASSWORD"]
    assert made["nats_url_gateway"].decode() == ",".join(
        f"tls://gateway:{of_gateway}@{one}:4222" for one in NATS
    )
    assert len({*password.values()}) == len(password) == 7


def _made_secrets(folder: Path) -> dict[str, bytes]:
    subprocess.run([ROOT / "deploy/cluster/make-secrets", folder], check=True, capture_output=True)
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
