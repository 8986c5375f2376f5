"""What an attempt is made of in a cluster: a Job with one pod of two containers, and a Secret.  Pure.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from services.executor.container import (
    DATA,
    EGRESS,
    EGRESS_VARIABLE,
    LABEL_ATTEMPT,
    LABEL_JOB,
    OUTPUT,
    STOP_S,
    WORK,
    labels_of,
    name_of,
)
from services.executor.egress_gates import SOCKET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.executor.runtime import SandboxSpec

AGENT: Final = "agent"
PORTER: Final = "porter"
SERVICE_ACCOUNT: Final = "podium-attempt"
LABEL_ROLE: Final = "podium.role"
ROLE: Final = "attempt"
"""By which the cluster's network policies know the pods of attempts."""
TOKEN_SHA256: Final = "podium.token-sha256"  # noqa: S105 names the digest of one
_USER: Final = 10001
_PASS: Final = "/run/pass"  # noqa: S105 a folder
_PORTER_COMMAND: Final = ["/opt/venv/bin/python", "-m", "agent.porter"]
_TMP_BYTES: Final = 2 * 1024**3
_SHM_BYTES: Final = 256 * 1024**2
_SOCKET_BYTES: Final = 1024**2
_FINISHED_S: Final = 3600
"""How long the cluster keeps a Job that its executor never came back for."""
_NODE_AWAY_S: Final = 60
"""How long a node may be away before its pods are given up; a cluster's own default is five minutes."""
_PORTER_SHARE: Final = {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "64Mi"}
_CONFINED: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """What all of an executor's Jobs share.

    `competitions_claim` is the PersistentVolumeClaim with the local competitions, `deadline_s` when the
    cluster ends a Job whose executor does not.
    """

    executor: str
    image: str
    disk_bytes: int
    deadline_s: int
    competitions_claim: str | None = None
    runtime_class: str | None = None
    user_namespaces: bool = False


def job(
    spec: SandboxSpec, layout: Layout, *, door: str, token_sha256: str, data_path: str | None
) -> dict[str, Any]:
    """The Job of an attempt, suspended: its Secret needs its uid, and its pod the Secret.

    `door` is where its pod reaches the executor, ``address:port``; `data_path` is where the competition's
    public folder is in the claim, None: the agent downloads.
    """
    labels = {**labels_of(spec, layout.executor), LABEL_ROLE: ROLE}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name_of(spec),
            "labels": labels,
            "annotations": {TOKEN_SHA256: token_sha256},
        },
        "spec": {
            "suspend": True,
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": layout.deadline_s,
            "ttlSecondsAfterFinished": _FINISHED_S,
            "template": {"metadata": {"labels": labels}, "spec": _pod(spec, layout, door, data_path)},
        },
    }


def secret(
    spec: SandboxSpec, layout: Layout, *, job_uid: str, token: str, keys: Mapping[str, str]
) -> dict[str, Any]:
    """What the pod's porter is given; it goes with its Job."""
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name_of(spec), "uid": job_uid}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name_of(spec),
            "labels": labels_of(spec, layout.executor),
            "ownerReferences": [owner],
        },
        "type": "Opaque",
        "immutable": True,
        "stringData": {"token": token, "keys": json.dumps(dict(keys))},
    }


def name_by_labels(labels: Mapping[str, str] | None) -> str | None:
    """The name of the Job that a pod with these labels is of, None where it is no attempt's."""
    if not labels or LABEL_JOB not in labels or LABEL_ATTEMPT not in labels:
        return None
    return f"podium-{labels[LABEL_JOB]}-{labels[LABEL_ATTEMPT]}"


def _pod(spec: SandboxSpec, layout: Layout, door: str, data_path: str | None) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = [
        {"name": "output", "emptyDir": {"sizeLimit": str(layout.disk_bytes)}},
        _in_memory("tmp", _TMP_BYTES),
        _in_memory("shm", _SHM_BYTES),
        _in_memory("egress", _SOCKET_BYTES),
        {"name": "pass", "secret": {"secretName": name_of(spec), "defaultMode": 0o444}},
    ]
    if data_path is not None:
        claim = {"claimName": layout.competitions_claim, "readOnly": True}
        volumes.append({"name": "data", "persistentVolumeClaim": claim})
    return {
        "restartPolicy": "Never",
        "serviceAccountName": SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": STOP_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **({"hostUsers": False} if layout.user_namespaces else {}),
        **({"runtimeClassName": layout.runtime_class} if layout.runtime_class else {}),
        "tolerations": [
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _NODE_AWAY_S}
            for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        ],
        "containers": [_agent(spec, layout, data_path), _porter(spec, layout, door)],
        "volumes": volumes,
    }


def _agent(spec: SandboxSpec, layout: Layout, data_path: str | None) -> dict[str, Any]:
    """The container that a Docker host would run; its command is the image's own."""
    variables = {**spec.variables, "PODIUM_OUTPUT_DIR": OUTPUT, "PODIUM_WORK_DIR": WORK}
    mounts: list[dict[str, Any]] = [
        {"name": "output", "mountPath": OUTPUT},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 inside the container
        {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 inside the container
        {"name": "egress", "mountPath": EGRESS, "readOnly": True},
    ]
    if spec.network:
        variables[EGRESS_VARIABLE] = f"{EGRESS}/{SOCKET}"
    if data_path is not None:
        variables["PODIUM_DATA_DIR"] = DATA
        mounts.append({"name": "data", "mountPath": DATA, "subPath": data_path, "readOnly": True})
    share = {
        "cpu": f"{round(spec.cpus * 1000)}m",
        "memory": str(spec.memory_bytes),
        "ephemeral-storage": str(layout.disk_bytes),
    }
    return {
        "name": AGENT,
        "image": layout.image,
        "env": _env(variables),
        "volumeMounts": mounts,
        "resources": {"limits": share, "requests": share},
        "securityContext": _CONFINED,
    }


def _porter(spec: SandboxSpec, layout: Layout, door: str) -> dict[str, Any]:
    variables = {
        "PODIUM_PORTER_DOOR": door,
        "PODIUM_PORTER_PASS": _PASS,
        "PODIUM_OUTPUT_DIR": OUTPUT,
        **({EGRESS_VARIABLE: f"{EGRESS}/{SOCKET}"} if spec.network else {}),
    }
    return {
        "name": PORTER,
        "image": layout.image,
        "command": _PORTER_COMMAND,
        "env": _env(variables),
        "volumeMounts": [
            {"name": "output", "mountPath": OUTPUT, "readOnly": True},
            {"name": "egress", "mountPath": EGRESS},
            {"name": "pass", "mountPath": _PASS, "readOnly": True},
        ],
        "resources": {"limits": _PORTER_SHARE, "requests": _PORTER_SHARE},
        "securityContext": _CONFINED,
    }


def _env(variables: Mapping[str, str]) -> list[dict[str, str]]:
    # A "$(" in a value would be read as a reference to another variable.
    return [{"name": name, "value": value.replace("$(", "$$(")} for name, value in variables.items()]


def _in_memory(name: str, size_bytes: int) -> dict[str, Any]:
    return {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": str(size_bytes)}}
