"""What an executor is told of its cluster, by PODIUM_KUBERNETES_* variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from services.environment import SettingError

if TYPE_CHECKING:
    from services.environment import Environment

_DOOR: Final = re.compile(r"(?P<host>[A-Za-z0-9.:-]+|\[[0-9A-Fa-f:]+\]):(?P<port>\d{1,5})")
_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_SWITCH: Final = {"on": True, "off": False}


class KubernetesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The namespace of attempts, how their pods reach this executor, and how they are made.

    Pods connect to `door_host`, which is looked up here when an attempt starts, and `door_port`, which this
    executor listens on.
    """

    namespace: str
    door_host: str
    door_port: int
    competitions_claim: str | None
    runtime_class: str | None
    user_namespaces: bool
    pending_s: float


def read_kubernetes(environment: Environment, *, executor: str) -> KubernetesSettings:
    """The settings in the environment.

    Raises:
        SettingError: one of them is missing or wrong, or the executor's id is none for a label.
    """
    if not _LABEL.fullmatch(executor):
        raise SettingError(
            "PODIUM_EXECUTOR_ID should begin and end with a letter or digit and have 63 characters at most, "
            f"to be a label in Kubernetes; not {executor!r}"
        )
    door = environment.text("PODIUM_KUBERNETES_DOOR", "podium-executor:7900")
    found = _DOOR.fullmatch(door)
    if found is None or not 0 < int(found["port"]) < 65536:
        raise SettingError(f"PODIUM_KUBERNETES_DOOR should be host:port, not {door!r}")
    switch = environment.text("PODIUM_KUBERNETES_USER_NAMESPACES", "off")
    if switch not in _SWITCH:
        raise SettingError(f"PODIUM_KUBERNETES_USER_NAMESPACES should be on or off, not {switch!r}")
    return KubernetesSettings(
        namespace=environment.text("PODIUM_KUBERNETES_NAMESPACE", "podium-attempts"),
        door_host=found["host"].strip("[]"),
        door_port=int(found["port"]),
        competitions_claim=environment.optional("PODIUM_KUBERNETES_COMPETITIONS_CLAIM"),
        runtime_class=environment.optional("PODIUM_KUBERNETES_RUNTIME_CLASS"),
        user_namespaces=_SWITCH[switch],
        pending_s=environment.number("PODIUM_KUBERNETES_PENDING_S", 600, at_least=1),
    )
