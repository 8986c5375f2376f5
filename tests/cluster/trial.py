"""The cluster in Docker, in use while its parts are killed, cut off and restarted; then all is judged."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from typing import TYPE_CHECKING, Final

import msgspec
import nats
from nats.errors import Error as NatsError

from cli.embedded.image import agent_image
from services import nats_tls
from tests.chaos.clients import Clients
from tests.chaos.history import History, read_rows, records_in
from tests.cluster.probes import LATE_S, Probes, Sample
from tests.cluster.steps import ALL, NATS, Step, every_step, wait_well
from tests.compose.composition import Composition, run
from tests.e2e.stack import wait_for
from tests.unit.executor.stage import PRELUDE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from nats.aio.client import Client


SLUG: Final = "short"
_SEED: Final = 1
SETTLE_S: Final = 240.0
_UP_S: Final = 120.0
# Two seconds a stage, and then a while: of three places, two or three are taken at most times.
_AGENT: Final = """
for stage in ("analysis", "planning", "codegen", "training"):
    say("stage_started", stage=stage)
    for step in range(1, 13):
        time.sleep(0.5)
        say("stage_progressed", stage=stage, fraction=step / 12, message=f"step {step}")
    say("stage_completed", stage=stage, summary="done")
model("m")
succeed()
"""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs, one `every_s`, and how many attempts may run at once."""

    jobs: int
    every_s: float
    running_max: int = 3


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to judge; `behind` names replicas of streams that were not there or lagged at the end."""

    history: History
    steps: tuple[Step, ...]
    samples: dict[str, list[Sample]]
    behind: tuple[str, ...]
    unsure: int
    resumed: int
    up_s: float
    settled_s: float


def made(compose: Sequence[str], folder: Path, plan: Plan) -> Composition:
    """The cluster, not up yet, whose attempts run a script that only speaks."""
    public = folder / "competitions" / SLUG / "public"
    public.mkdir(parents=True)
    (public / "agent.py").write_text(PRELUDE + _AGENT)
    return Composition(
        compose,
        folder,
        file="compose.cluster.yaml",
        make_secrets="deploy/cluster/make-secrets",
        settings={
            "PODIUM_AGENT_IMAGE": _scripted_image(),
            "PODIUM_COMPETITIONS_DIR": str(folder / "competitions"),
            "PODIUM_MAX_RUNNING": str(plan.running_max),
            "PODIUM_SLOTS": "2",
            "PODIUM_CPUS": "0.5",
            "PODIUM_MEMORY_BYTES": str(128 * 1024**2),
            "PODIUM_RETRY_DELAYS_S": "1,2",
            "PODIUM_SUBMITS_PER_MINUTE": "0",
            "PODIUM_READS_PER_MINUTE": "0",
        },
    )


def _scripted_image() -> str:
    """The agent's image, but it runs the competition's own agent.py."""
    run(["deploy/build-images", "agent"])
    recipe = f'FROM {agent_image()}\nENTRYPOINT ["python3", "-I", "-S", "/data/agent.py"]\n'
    built = subprocess.run(
        ["docker", "build", "--quiet", "-"], input=recipe, capture_output=True, text=True, check=True
    )
    return built.stdout.strip()


def operate(cluster: Composition, *words: str) -> str:
    """What a command of the operator's prints."""
    return cluster.compose("run", "--rm", "-T", "operator", *words)


async def trial(
    cluster: Composition, plan: Plan, steps: Callable[[Composition], Iterator[Step]] = every_step
) -> Outcome:
    """Bring it up, use it through all steps, and read what is left.

    Raises:
        TimeoutError: it did not come up, a part was not well again, or a job had not ended in time.
    """
    began_s = time.monotonic()
    await asyncio.to_thread(cluster.compose, "up", "--detach")
    await asyncio.to_thread(wait_for, cluster.is_ready, timeout_s=_UP_S, what=lambda: cluster.compose("ps"))
    for service in ALL:
        await asyncio.to_thread(wait_well, cluster, service)
    up_s = time.monotonic() - began_s
    words = ("keys", "create", "--name", "trial", "--admin", "--json")
    key = json.loads(await asyncio.to_thread(operate, cluster, *words))["token"]
    url = str(cluster.http.base_url)
    clients, probes = Clients([url], seed=_SEED, key=key, proxied=True), Probes(url, key=key)
    job_id = await clients.submit(0, SLUG)
    probing = asyncio.create_task(
        probes.run(job_id, {"kaggle_url": f"local:{SLUG}", "budget_s": 30}, f"chaos-{_SEED}-0")
    )
    try:
        done = await _in_use(cluster, plan, steps, clients)
        calm_s = time.monotonic()
        async with asyncio.timeout(SETTLE_S):
            await clients.all_seen()
        settled_s = time.monotonic() - calm_s
        # An outage that has not ended by now would have no end in the report.
        await asyncio.sleep(2 * LATE_S)
    finally:
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
        await clients.close()
    history, behind = await _left(cluster, clients)
    return Outcome(
        history=history,
        steps=done,
        samples=probes.samples,
        behind=behind,
        unsure=clients.unsure,
        resumed=clients.resumed,
        up_s=up_s,
        settled_s=settled_s,
    )


async def _in_use(
    cluster: Composition, plan: Plan, steps: Callable[[Composition], Iterator[Step]], clients: Clients
) -> tuple[Step, ...]:
    """Do the steps while jobs come in; both are over at the end."""

    async def submit() -> None:
        for number in range(1, plan.jobs):
            await clients.submit(number, SLUG)
            await asyncio.sleep(plan.every_s)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(submit())
        stepping = tasks.create_task(asyncio.to_thread(lambda: tuple(steps(cluster))))
    return stepping.result()


async def _left(cluster: Composition, clients: Clients) -> tuple[History, tuple[str, ...]]:
    """The log, by the operator's way to it, and the rows."""
    secrets = cluster.folder / "secrets"
    own = nats_tls.NatsTls(
        ca_file=secrets / "certificates" / "ca.crt",
        cert_file=secrets / "certificates" / "operator.crt",
        key_file=secrets / "certificates" / "operator.key",
    )

    async def on_error(error: Exception) -> None:
        if not isinstance(error, (NatsError, OSError)):
            raise error

    at = (secrets / "nats_url_operator").read_text().partition(",")[0]
    connection = await nats.connect(
        at.replace("nats-1", cluster.address("nats-1", "backend")),
        tls=own.context(),
        tls_hostname="nats-1",
        error_cb=on_error,
    )
    try:
        records = await records_in(connection)
        behind = await _behind(connection)
    finally:
        await connection.close()
    database_url = (secrets / "database_url").read_text()
    rows = await read_rows(
        database_url.replace("@postgres", f"@{cluster.address('postgres', 'backend')}"),
        last=records[-1].sequence,
    )
    history = History(
        records=records, rows=rows, marks=None, accepted=frozenset(clients.accepted), seen=clients.seen
    )
    return history, behind


async def _behind(connection: Client) -> tuple[str, ...]:
    found = []
    for stream in await connection.jetstream().streams_info():
        assert stream.cluster is not None
        current = {str(stream.cluster.leader)}
        current |= {str(peer.name) for peer in stream.cluster.replicas or [] if peer.current}
        found += [f"{stream.config.name} on {name}" for name in NATS if name not in current]
    return tuple(found)
