"""What is done to the cluster's containers, one step after the other, and how each is seen to be back."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Final

import msgspec

from tests.compose.composition import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.compose.composition import Composition

TWICE: Final = ("gateway", "scheduler", "engine", "executor", "projector", "webhooks")
NATS: Final = ("nats-1", "nats-2", "nats-3")
ALL: Final = (
    "balancer",
    *(f"{name}-{number}" for name in TWICE for number in (1, 2)),
    *NATS,
    "postgres",
    "redis",
)
DOWN_S: Final = 4.0
APART_S: Final = 20.0
_BACK_S: Final = 90.0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, from when to when (monotonic seconds), and how long until the part was well again."""

    name: str
    from_s: float
    until_s: float
    back_s: float


def kill(cluster: Composition, service: str) -> Step:
    """`kill -9`, a pause, and a start."""
    return _step(cluster, f"kill {service}", service, lambda: _killed(cluster, service))


def part(cluster: Composition, service: str) -> Step:
    """Pull a server's cable out, and put it in again."""
    return _step(cluster, f"partition {service}", service, lambda: _apart(cluster, service))


def restart(cluster: Composition, service: str) -> Step:
    """Stop it as an operator does, and start it."""
    return _step(
        cluster,
        f"restart {service}",
        service,
        lambda: run(["docker", "restart", str(cluster.container(service)["Id"])]),
    )


def every_step(cluster: Composition) -> Iterator[Step]:
    """Each container is killed, a NATS server is cut off, each is restarted: one after the other."""
    for service in ALL:
        yield kill(cluster, service)
    yield part(cluster, "nats-2")
    for service in ALL:
        yield restart(cluster, service)


def wait_well(cluster: Composition, service: str) -> None:
    """Return once a container's own health check finds it well; Docker asks less often."""
    container = cluster.container(service)
    kind, *words = container["Config"]["Healthcheck"]["Test"]
    check = words if kind == "CMD" else ["sh", "-c", *words]
    deadline = time.monotonic() + _BACK_S
    while subprocess.run(
        ["docker", "exec", container["Id"], *check], capture_output=True, check=False
    ).returncode:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{service} is not well after {_BACK_S} s")
        time.sleep(0.3)


def _step(cluster: Composition, name: str, service: str, do: Callable[[], object]) -> Step:
    from_s = time.monotonic()
    do()
    done_s = time.monotonic()
    wait_well(cluster, service)
    now_s = time.monotonic()
    return Step(name=name, from_s=from_s, until_s=now_s, back_s=now_s - done_s)


def _killed(cluster: Composition, service: str) -> None:
    container = str(cluster.container(service)["Id"])
    run(["docker", "kill", container])
    time.sleep(DOWN_S)
    run(["docker", "start", container])


def _apart(cluster: Composition, service: str) -> None:
    container, network = str(cluster.container(service)["Id"]), cluster.network("backend")
    run(["docker", "network", "disconnect", network, container])
    time.sleep(APART_S)
    run(["docker", "network", "connect", "--alias", service, network, container])
