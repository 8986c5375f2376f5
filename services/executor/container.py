"""What a container of an attempt is made of, as the Engine API wants to hear it.  Pure.

Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerCreate
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from services.executor.egress_gates import SOCKET
from services.executor.runtime import Facts
from services.executor.slots import Machine, share

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from events.catalogue import DiskBound
    from services.executor.runtime import SandboxSpec

OUTPUT: Final = "/output"
DATA: Final = "/data"
WORK: Final = "/output/work"
EGRESS: Final = "/run/podium"
EGRESS_VARIABLE: Final = "PODIUM_EGRESS_SOCKET"
STOP_S: Final = 5
LABEL_JOB: Final = "podium.job_id"
LABEL_ATTEMPT: Final = "podium.attempt"
LABEL_EXECUTOR: Final = "podium.executor"
_PROCESSES_MAX: Final = 512
_TMP: Final = "rw,noexec,nosuid,nodev,size=2g,nr_inodes=100k,mode=1777"
_SHM_BYTES: Final = 256 * 1024**2
_OPEN_FILES_MAX: Final = 4096


def docker_facts(
    *,
    cpus: float,
    memory_bytes: int,
    host_cpus: int,
    host_memory_bytes: int,
    disk_bound: DiskBound = "measured",
    slots: int | None = None,
) -> Facts:
    """What a container gets on a host, of what was asked for; `slots` is as in `slots.share`."""
    host = Machine(cpus=float(host_cpus), memory_bytes=host_memory_bytes)
    each = share(host, cpus=cpus, memory_bytes=memory_bytes, slots=slots)
    return Facts(
        runtime="docker",
        cpus=each.cpus,
        memory_bytes=each.memory_bytes,
        slots=each.slots,
        outlives=True,
        disk_bound=disk_bound,
        notes=(*each.cpus_notes, *each.memory_notes),
    )


def name_of(spec: SandboxSpec) -> str:
    """The name of an attempt's container, and of its volume."""
    return f"podium-{spec.job_id}-{spec.attempt}"


def labels_of(spec: SandboxSpec, executor: str) -> dict[str, str]:
    """By what a container and a volume are found again."""
    return {LABEL_JOB: spec.job_id, LABEL_ATTEMPT: str(spec.attempt), LABEL_EXECUTOR: executor}


def volume_config(spec: SandboxSpec, *, executor: str, quota_bytes: int | None = None) -> dict[str, Any]:
    """The body of a request to create the volume; `quota_bytes` is what it may hold, None: no more is said.

    An Engine whose host has no quotas refuses a size: see `services.quota`.
    """
    bound = {} if quota_bytes is None else {"DriverOpts": {"size": str(quota_bytes)}}
    return {"Name": name_of(spec), "Labels": labels_of(spec, executor), **bound}


def variables_of(config: Mapping[str, Any]) -> dict[str, str]:
    """The environment of a container, of the request for it or of what the Engine says of it."""
    return dict(variable.split("=", 1) for variable in config["Env"])


def container_config(
    spec: SandboxSpec,
    *,
    image: str,
    executor: str,
    file_bytes: int,
    oci_runtime: str | None = None,
    egress: Path | None = None,
) -> dict[str, Any]:
    """The body of a request to create the container; the user is the image's own.

    No container has a network.  `file_bytes` is the most that one file may hold.  `egress` is the folder with
    the socket of its way out, None: there is none.
    `oci_runtime` is what the Engine runs it with (``runsc``, say), None for the Engine's default.
    /output is a volume and not the writable layer: the root is read-only, and a volume can still be read
    once the container has ended.
    """
    folders = {"PODIUM_OUTPUT_DIR": OUTPUT, "PODIUM_WORK_DIR": WORK}
    mounts: list[dict[str, Any]] = [{"Type": "volume", "Source": name_of(spec), "Target": OUTPUT}]
    if spec.data_dir is not None:
        folders["PODIUM_DATA_DIR"] = DATA
        mounts.append({"Type": "bind", "Source": str(spec.data_dir), "Target": DATA, "ReadOnly": True})
    if egress is not None:
        folders[EGRESS_VARIABLE] = f"{EGRESS}/{SOCKET}"
        # A socket can be connected to on a mount that nothing can be written to.
        mounts.append({"Type": "bind", "Source": str(egress), "Target": EGRESS, "ReadOnly": True})
    return {
        "Image": image,
        "Env": [f"{name}={value}" for name, value in {**spec.variables, **folders}.items()],
        "Labels": labels_of(spec, executor),
        "Tty": False,
        "OpenStdin": False,
        "StopTimeout": STOP_S,
        "HostConfig": {
            **({"Runtime": oci_runtime} if oci_runtime else {}),
            "NanoCpus": int(spec.cpus * 1e9),
            "Memory": spec.memory_bytes,
            "MemorySwap": spec.memory_bytes,
            "PidsLimit": _PROCESSES_MAX,
            "ShmSize": _SHM_BYTES,
            "Ulimits": [
                {"Name": "nofile", "Soft": _OPEN_FILES_MAX, "Hard": _OPEN_FILES_MAX},
                {"Name": "core", "Soft": 0, "Hard": 0},
                {"Name": "fsize", "Soft": file_bytes, "Hard": file_bytes},
            ],
            "ReadonlyRootfs": True,
            "Tmpfs": {"/tmp": _TMP},  # noqa: S108 inside the container
            "Mounts": mounts,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            "NetworkMode": "none",
            # The agent is the first process: Docker's init would hold the agent's keys in an environment
            # that a script of the same user can read.
            "Init": False,
            "AutoRemove": False,
            "RestartPolicy": {"Name": "no"},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "64m", "max-file": "2"}},
        },
    }
