"""What an executor may ask of the Docker Engine: its own containers and volumes, and nothing else.  Pure.

A container is allowed if it is one that `services.executor.container` describes, with this executor's image,
labels and limits; so nothing here lists what is dangerous, and a new field of the Engine's opens nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from services.executor.container import (
    DATA,
    EGRESS_VARIABLE,
    LABEL_ATTEMPT,
    LABEL_EXECUTOR,
    LABEL_JOB,
    container_config,
    name_of,
    variables_of,
    volume_config,
)
from services.executor.egress_gates import mounted
from services.executor.runtime import SandboxSpec
from services.executor.specification import SLUG
from services.quota import PROBE

_ID: Final = "[A-Za-z0-9][A-Za-z0-9_.-]{0,200}"
# Before 1.24 the body of a start could make a container anew.
_PATH: Final = re.compile(r"/(?:v1\.(?:2[4-9]|[3-9][0-9])/)?(.+)")
_OWN: Final = re.compile(
    rf"(?:POST containers/(?P<a>{_ID})/(?:start|stop)"
    rf"|GET containers/(?P<b>{_ID})/(?:json|logs|archive)"
    rf"|HEAD containers/(?P<c>{_ID})/archive"
    rf"|DELETE (?P<kind>containers|volumes)/(?P<d>{_ID}))"
)
_JOB: Final = re.compile(r"[0-9a-f-]{32,36}")
_FOLDERS: Final = frozenset({"PODIUM_OUTPUT_DIR", "PODIUM_WORK_DIR", "PODIUM_DATA_DIR", EGRESS_VARIABLE})
_HOST_FACTS: Final = ("NCPU", "MemTotal")


class EngineRefusedError(Exception):
    """The request is not passed on; the message says why and holds nothing of its body."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What one executor may have: this image in containers with its name on them, up to these limits.

    `disk_bytes` is what a volume, or one file, may hold.  `egress` is the folder on the Docker host with the
    ways out of its containers, `competitions` the one with local competitions, None where there are none.
    """

    executor: str
    image: str
    oci_runtime: str | None
    cpus: float
    memory_bytes: int
    disk_bytes: int
    egress: Path
    competitions: Path | None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request: the path as it came, undecoded; `body` is the decoded JSON, None without one."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """A request to pass on, with this body and no other, once `owned` was seen to be the executor's.

    `trim`: the answer has to go through `trimmed`; `volume` is the name of the volume that is made.
    """

    path: str
    body: Any = None
    owned: tuple[Literal["containers", "volumes"], str] | None = None
    trim: bool = False
    volume: str | None = None


def judge(asked: Asked, grant: Grant) -> Passed:
    """What to pass on of a request.

    Raises:
        EngineRefusedError: nothing.
    """
    found = _PATH.fullmatch(asked.path)
    call = f"{asked.method} {found[1]}" if found else ""
    if call in {"GET version", "GET _ping", f"GET images/{grant.image}/json"}:
        return Passed(path=asked.path)
    if call in {"GET info", "GET system/df"}:
        return Passed(path=asked.path, trim=True)
    if call in {"GET containers/json", "GET volumes"}:
        _check_filter(asked.query, grant)
        return Passed(path=asked.path)
    if call == "POST volumes/create" and asked.body == PROBE:
        return Passed(path=asked.path, body=PROBE)
    if call == f"DELETE volumes/{PROBE['Name']}":
        return Passed(path=asked.path)
    if call == "POST volumes/create":
        volume = _volume(asked.body, grant)
        return Passed(path=asked.path, body=volume, volume=volume["Name"])
    if call == "POST containers/create":
        return Passed(path=asked.path, body=_container(asked.body, asked.query.get("name"), grant))
    own = _OWN.fullmatch(call)
    if own is None:
        raise EngineRefusedError("an executor has no need of this call")
    name = own["a"] or own["b"] or own["c"] or own["d"]
    return Passed(path=asked.path, owned=("volumes" if own["kind"] == "volumes" else "containers", name))


def is_owned(shown: Mapping[str, Any], grant: Grant) -> bool:
    """Whether what the Engine says of a container or volume bears the executor's label."""
    labels = shown.get("Config", shown).get("Labels") or {}
    return labels.get(LABEL_EXECUTOR) == grant.executor


def trimmed(path: str, answer: Mapping[str, Any], grant: Grant) -> dict[str, Any]:
    """The Engine's answer to ``info`` or ``system/df``, without what concerns others on the Docker host."""
    if path.endswith("/info"):
        return {name: answer[name] for name in _HOST_FACTS}
    return {"Volumes": [one for one in answer["Volumes"] or () if is_owned(one, grant)]}


def _check_filter(query: Mapping[str, str], grant: Grant) -> None:
    try:
        asked = json.loads(query.get("filters", ""))
    except ValueError:
        asked = None
    if asked != {"label": [f"{LABEL_EXECUTOR}={grant.executor}"]}:
        raise EngineRefusedError("a list has to be of the executor's own, by its label")


def _volume(body: Any, grant: Grant) -> dict[str, Any]:
    try:
        spec = _spec(body["Labels"], {}, None, grant)
    except (KeyError, TypeError, ValueError) as error:
        raise EngineRefusedError("the volume bears no attempt's labels") from error
    for quota_bytes in (None, grant.disk_bytes):
        expected = volume_config(spec, executor=grant.executor, quota_bytes=quota_bytes)
        if body == expected:
            return expected
    raise EngineRefusedError("the volume is not that of an attempt")


def _container(body: Any, name: str | None, grant: Grant) -> dict[str, Any]:
    try:
        variables = variables_of(body)
        spec = _spec(body["Labels"], variables, _data_dir(body, grant), grant)
        host = body["HostConfig"]
        cpus, memory, with_swap = host["NanoCpus"], host["Memory"], host["MemorySwap"]
        within = 0 < cpus <= grant.cpus * 1e9 and 0 < memory <= grant.memory_bytes and with_swap == memory
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EngineRefusedError("the container is not one of an attempt") from error
    if not within:
        raise EngineRefusedError("the container's processors or memory are beyond the executor's limits")
    expected = container_config(
        spec,
        image=grant.image,
        executor=grant.executor,
        file_bytes=grant.disk_bytes,
        oci_runtime=grant.oci_runtime,
        egress=mounted(grant.egress, name_of(spec)) if spec.network else None,
    )
    expected["HostConfig"] |= {"NanoCpus": cpus, "Memory": memory, "MemorySwap": memory}
    if name != name_of(spec) or body != expected:
        different = sorted(key for key in {*body, *expected} if body.get(key) != expected.get(key))
        raise EngineRefusedError(f"the container differs from an attempt's in {different or 'its name'}")
    return expected


def _spec(
    labels: Mapping[str, str], variables: Mapping[str, str], data_dir: Path | None, grant: Grant
) -> SandboxSpec:
    job_id, attempt = labels[LABEL_JOB], int(labels[LABEL_ATTEMPT])
    if not _JOB.fullmatch(job_id) or attempt < 1:
        raise ValueError(job_id)
    return SandboxSpec(
        job_id=job_id,
        attempt=attempt,
        variables={key: value for key, value in variables.items() if key not in _FOLDERS},
        data_dir=data_dir,
        cpus=grant.cpus,
        memory_bytes=grant.memory_bytes,
        network=EGRESS_VARIABLE in variables,
    )


def _data_dir(body: Mapping[str, Any], grant: Grant) -> Path | None:
    """The public folder of a local competition that the body mounts."""
    sources = [mount["Source"] for mount in body["HostConfig"]["Mounts"] if mount["Target"] == DATA]
    if not sources:
        return None
    slug = Path(sources[0]).parent.name
    if grant.competitions is None or not SLUG.fullmatch(slug):
        raise ValueError(slug)
    return grant.competitions / slug / "public"
