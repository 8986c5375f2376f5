"""deploy/kubernetes: each object is one that the API knows, and they say of each other what is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import ValidationError

from tests import kubernetes_schema as schema

ROOT = Path(__file__).parents[2]
OBJECTS: list[dict[str, Any]] = [
    one
    for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    for one in yaml.safe_load_all(path.read_text())
]
SECRETS = {
    *("nats_passwords", "nats_url", "postgres_password", "database_url"),
    *("kaggle_username", "kaggle_key", "anthropic_api_key"),
}
"""The files that deploy/make-secrets makes."""


def of(*kinds: str) -> list[dict[str, Any]]:
    return [one for one in OBJECTS if one["kind"] in kinds]


WORKLOADS = of("Deployment", "StatefulSet")


def name(one: dict[str, Any]) -> str:
    return f"{one['kind']}/{one['metadata']['name']}"


@pytest.mark.parametrize("version", [schema.OLDEST, schema.NEWEST])
def test_the_api_knows_every_field(version: str) -> None:
    for one in OBJECTS:
        schema.check(one, version)
    misspelt = OBJECTS[-1] | {"sepc": {}}
    with pytest.raises(ValidationError, match="sepc"):
        schema.check(misspelt, version)
    found = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in OBJECTS]
    assert len(found) == len(set(found)) > 30
    assert not of("Secret", "ClusterRole", "ClusterRoleBinding")


@pytest.mark.parametrize("one", WORKLOADS, ids=name)
def test_a_pod_is_what_its_namespace_admits(one: dict[str, Any]) -> None:
    """Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/, restricted."""
    pod = one["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is (one["metadata"]["name"] == "podium-executor")
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert all({"configMap", "emptyDir", "secret"} & volume.keys() for volume in pod["volumes"])
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]
    assert "readinessProbe" in container


@pytest.mark.parametrize("one", WORKLOADS, ids=name)
def test_a_workload_names_what_there_is(one: dict[str, Any]) -> None:
    template = one["spec"]["template"]
    labels, pod = template["metadata"]["labels"], template["spec"]
    assert one["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert labels["podium.part"] in {"service", "server"}
    accounts = {account["metadata"]["name"] for account in of("ServiceAccount")}
    assert pod["serviceAccountName"] in accounts
    (container,) = pod["containers"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in one["spec"].get("volumeClaimTemplates", ())}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    given = {item["key"] for volume in pod["volumes"] for item in volume.get("secret", {}).get("items", ())}
    assert given <= SECRETS
    asked = {
        variable["value"].removeprefix("/etc/podium/")
        for variable in container.get("env", ())
        if variable["name"].endswith("_FILE") and variable["value"].startswith("/etc/")
    }
    assert asked == given - {"nats_passwords"}
    # Below /run, where a Debian image's /var/run leads, the cluster mounts a service account's token.
    assert not any(mount["mountPath"].startswith("/run/secrets") for mount in container["volumeMounts"])
    for word in container.get("args", ()):
        if word.startswith("services."):
            assert (ROOT / word.replace(".", "/") / "__main__.py").exists()


def test_services_and_budgets_select_pods_that_there_are() -> None:
    pods = [one["spec"]["template"]["metadata"]["labels"] for one in WORKLOADS]
    for one in of("Service", "PodDisruptionBudget"):
        selector = one["spec"]["selector"]
        selector = selector.get("matchLabels", selector)
        assert any(selector.items() <= labels.items() for labels in pods), name(one)
    alone = {one["metadata"]["name"] for one in WORKLOADS if one["spec"]["replicas"] == 1}
    assert not alone & {one["metadata"]["name"] for one in of("PodDisruptionBudget")}, (
        "no node could be drained"
    )


def test_an_attempt_reaches_the_executors_door_and_nothing_else() -> None:
    policies = [one for one in of("NetworkPolicy") if one["metadata"]["namespace"] == "podium-attempts"]
    nothing, out = policies
    assert nothing["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (rule,) = out["spec"]["egress"]
    (peer,) = rule["to"]
    assert peer["podSelector"]["matchLabels"] == {"app": "podium-executor"}
    assert rule["ports"] == [{"protocol": "TCP", "port": 7900}]
    (door,) = [one for one in of("Service") if one["metadata"]["name"] == "podium-executor"]
    assert [one["port"] for one in door["spec"]["ports"]] == [7900]
    (executor,) = [one for one in WORKLOADS if one["metadata"]["name"] == "podium-executor"]
    variables = {
        one["name"]: one["value"] for one in executor["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert variables["PODIUM_KUBERNETES_DOOR"] == "podium-executor:7900"
    closed = [one for one in of("NetworkPolicy") if one["spec"]["podSelector"] == {}]
    assert {one["metadata"]["namespace"] for one in closed if one["metadata"]["name"] == "nothing"} == {
        "podium", "podium-attempts",
    }  # fmt: skip
    restricted = {one["metadata"]["name"]: one["metadata"]["labels"] for one in of("Namespace")}
    assert set(restricted) == {"podium", "podium-attempts"}
    assert all(one["pod-security.kubernetes.io/enforce"] == "restricted" for one in restricted.values())


def test_the_executor_may_read_no_secret_and_change_no_pod() -> None:
    (role,) = of("Role")
    assert role["metadata"]["namespace"] == "podium-attempts"
    allowed = {(kind, verb) for rule in role["rules"] for kind in rule["resources"] for verb in rule["verbs"]}
    assert "*" not in {word for pair in allowed for word in pair}
    assert {verb for kind, verb in allowed if kind == "secrets"} == {"create"}
    assert {verb for kind, verb in allowed if kind == "pods"} == {"list", "watch", "delete"}
    assert {kind for kind, _ in allowed} == {"jobs", "pods", "pods/log", "secrets"}
