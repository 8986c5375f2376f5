"""The cluster's NATS, as it is shipped: who gets in, what each may do, and what goes on without a server."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import nats
import pytest

from events import subjects
from events.catalogue import EVENT_TYPES
from events.descriptions import writer_of
from services import broker, nats_tls
from services.environment import Environment
from tests.cluster.servers import DEPLOY, HOST, NAMES, NatsCluster
from tests.cluster.services import SERVICES, SLUG, Services, ended, until
from tests.e2e.stack import wait_for
from tests.integration.webhook_receiver import receiving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from nats.aio.client import Client

pytestmark = pytest.mark.timeout(150)

ACCOUNTS = (DEPLOY / "nats-accounts.conf").read_text()

# What no service may send, and what only one may: anybody else is refused.
NOBODYS = [
    "jobs.j",
    "copy.x",
    "$JS.API.INFO",
    "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.CREATE.MINE",
    "$JS.API.STREAM.UPDATE.JOBS",
    "$JS.API.STREAM.DELETE.JOBS",
    "$JS.API.STREAM.PURGE.JOBS",
    "$JS.API.STREAM.MSG.DELETE.JOBS",
    "$JS.API.STREAM.RESTORE.JOBS",
    "$JS.API.STREAM.LEADER.STEPDOWN.JOBS",
    "$JS.API.META.LEADER.STEPDOWN",
    "$JS.API.CONSUMER.LIST.JOBS",
    "$JS.API.STREAM.DELETE.KV_api-keys",
    "$JS.API.STREAM.PURGE.DEAD_LETTERS",
    "$JS.READERS.API.STREAM.DELETE.JOBS",
    "$KV.api-keys.key.0123",
    "_INBOX.gateway.x",
    "$SYS.REQ.SERVER.PING",
]
ONES_OWN = {
    "$KV.api-keys.used.0123": {"gateway"},
    "$JS.API.CONSUMER.CREATE.KV_api-keys": {"gateway"},
    "$KV.webhook-secrets.none": {"gateway"},
    "$JS.API.STREAM.MSG.GET.KV_webhook-secrets": {"gateway", "webhooks"},
    "webhooks.j.w": {"gateway", "webhooks"},
    "$JS.API.CONSUMER.DURABLE.CREATE.JOBS.webhooks": {"webhooks"},
    "logs.j": {"executor"},
    "podium.heartbeat.e": {"executor"},
    "$O.artifacts.C.x": {"executor"},
    "$JS.API.STREAM.PURGE.OBJ_artifacts": {"executor"},
    "$O.live-jobs.C.x": {"scheduler"},
    "dead.jobs.j.JobRequested": {"projector"},
    "$JS.READERS.API.STREAM.INFO.JOBS": {"projector"},
}
UNHEARD = [">", "jobs.>", "$JS.>", "$KV.>", "$O.>", "webhooks.>", "dead.>", "_INBOX.>", "_INBOX.operator.>"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    made = NatsCluster(tmp_path_factory.mktemp("cluster"))
    for name in NAMES:
        made.start(name)
    try:
        wait_for(lambda: all(map(made.is_healthy, NAMES)), timeout_s=60, what=lambda: "no leader")
        yield made
    finally:
        made.stop()


def writes() -> dict[str, set[str]]:
    """The events that each user may write, by the file."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    user = ""
    for line in ACCOUNTS.splitlines():
        if match := re.search(r"user: (\w+)", line):
            user = match[1]
        if match := re.fullmatch(r' *"jobs\.\*\.(\w+)"', line):
            found[user].add(match[1])
    return dict(found)


def test_an_event_is_written_by_its_writer_and_nobody_else() -> None:
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for kind in EVENT_TYPES:
        wanted[writer_of(kind)].add(kind.__name__)
    assert wanted.pop("archivist") == {"JobArchived"}, "an operator's command, whose user may do everything"
    assert writes() == dict(wanted)


@pytest.mark.parametrize(("user", "forges"), [("executor", False), ("projector", False), ("gateway", True)])
def test_who_meets_what_is_hostile_has_no_stream_to_forge_events_by(user: str, *, forges: bool) -> None:
    """A consumer delivers to any subject: what it delivers must not be of its maker's own making."""
    may = ACCOUNTS.partition(f"user: {user}\n")[2].partition("subscribe:")[0]
    consumed = set(re.findall(r'"\$JS\.API\.CONSUMER\.(?:DURABLE\.)?CREATE\.([\w-]+)', may)) - {
        subjects.STREAM
    }
    own = {"webhooks.>": "WEBHOOKS", "logs.*": "LOGS", "dead.>": "DEAD_LETTERS"}
    written = {own[subject] for subject in re.findall(r'"([^"]+)"', may) if subject in own}
    kinds = {"KV": "KV", "O": "OBJ"}
    written |= {f"{kinds[kind]}_{name}" for kind, name in re.findall(r'"\$(KV|O)\.([\w-]+)\.', may)}
    assert written, "it writes something"
    assert bool(written & consumed) is forges


def test_readers_have_what_they_have_with_one_server() -> None:
    single = (DEPLOY.parent / "nats-accounts.conf").read_text()
    assert ACCOUNTS.partition("  READERS {")[2] == single.partition("  READERS {")[2] != ""


@asynccontextmanager
async def connected(cluster: NatsCluster, user: str) -> AsyncIterator[tuple[Client, list[str]]]:
    """A user's connection, and what it was refused."""
    refusals: list[str] = []

    async def on_error(error: Exception) -> None:
        refusals.append(str(error))

    tls = nats_tls.read(Environment(cluster.settings(user)))
    assert tls is not None
    client = await nats.connect(
        list(broker.servers_of(cluster.url(user))), tls=tls.context(), error_cb=on_error
    )
    try:
        yield client, refusals
    finally:
        await client.close()


@pytest.mark.parametrize("user", SERVICES)
async def test_a_service_may_not_do_what_another_does(cluster: NatsCluster, user: str) -> None:
    others = [subject for subject, owners in ONES_OWN.items() if user not in owners]
    events = [f"jobs.j.{kind.__name__}" for kind in EVENT_TYPES if writer_of(kind) != user]
    inboxes = [f"_INBOX.{other}.>" for other in SERVICES if other != user]
    async with connected(cluster, user) as (client, refusals):
        refusals.clear()  # a server that was not up yet
        sent = [*NOBODYS, *others, *events]
        for subject in sent:
            await client.publish(subject, b"{}")
        for subject in (*UNHEARD, *inboxes):
            await client.subscribe(subject)
        wanted = [f'publish to "{subject}"' for subject in sent]
        wanted += [f'subscription to "{subject}"' for subject in (*UNHEARD, *inboxes)]
        await until(lambda: len(refusals) >= len(wanted), within_s=10, what=lambda: refusals)
        told = " ".join(refusals).lower()
        assert [one for one in wanted if one.lower() not in told] == []


async def test_each_service_works_as_its_user_and_goes_on_while_a_server_is_cut_off(
    cluster: NatsCluster, database_url: str, tmp_path: Path
) -> None:
    services = Services(tmp_path, cluster, database_url)
    with services.running():
        async with (
            receiving() as receiver,
            httpx.AsyncClient(base_url=services.url, timeout=15) as client,
            connected(cluster, "operator") as (operator, _),
        ):
            await until(
                lambda: "nats_connected" in services.said(), within_s=60, what=lambda: services.said()[-3000:]
            )
            made = json.loads(
                await asyncio.to_thread(
                    services.operate, "keys", "create", "--name", "test", "--admin", "--json"
                )
            )
            client.headers["Authorization"] = f"Bearer {made['token']}"
            await use_all(client, receiver.url)
            await receiver.until("/hook", 1, within_s=30)
            streams = await operator.jetstream().streams_info()
            assert {str(one.config.name): one.config.num_replicas for one in streams} == dict.fromkeys(
                (
                    "JOBS",
                    "LOGS",
                    "DEAD_LETTERS",
                    "WEBHOOKS",
                    "OBJ_artifacts",
                    "OBJ_live-jobs",
                    "KV_api-keys",
                    "KV_webhook-secrets",
                ),
                3,
            )
            log = await operator.jetstream().stream_info(subjects.STREAM)
            assert log.cluster is not None
            leader = str(log.cluster.leader)
            cluster.freeze(leader)
            try:
                job_id = await submitted(client, within_s=60)
                assert await ended(client, job_id, within_s=60) == "success", services.said()[-3000:]
            finally:
                cluster.thaw(leader)
    assert "permissions violation" not in services.said().lower()


async def use_all(client: httpx.AsyncClient, hook: str) -> None:
    """Ask the gateway for whatever makes a service talk to NATS."""
    first = await submitted(client, within_s=60)
    (await client.post("/webhooks/secret")).raise_for_status()
    job_id = await submitted(client, within_s=60, webhook_url=f"{hook}/hook")
    assert await ended(client, job_id, within_s=60) == "success"
    for path in ("events", "log", "webhooks", "files/submission.csv"):
        (await client.get(f"/jobs/{job_id}/{path}")).raise_for_status()
    for path in ("/jobs", "/stats", "/metrics", "/health/ready"):
        (await client.get(path)).raise_for_status()
    assert (await client.delete(f"/jobs/{first}")).status_code in {202, 409}


async def submitted(client: httpx.AsyncClient, *, within_s: float, **more: str) -> str:
    """Submit a job until it is taken; its id."""
    async with asyncio.timeout(within_s):
        while True:
            answer = await client.post("/run", json={"kaggle_url": f"local:{SLUG}", "budget_s": 60, **more})
            if answer.status_code == httpx.codes.ACCEPTED:
                return str(answer.json()["job_id"])
            assert answer.status_code in {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.UNAUTHORIZED}, (
                answer.text
            )
            await asyncio.sleep(0.2)


async def answer_to(
    cluster: NatsCluster, port: int, pair: str | None, said: Mapping[str, object], *, tls_first: bool = False
) -> bytes:
    """The first line but INFO that a server says to CONNECT and PING, nothing where it hangs up.

    By hand: the client library says no more than that something was wrong.
    """
    context = ssl.create_default_context(cafile=cluster.certificates / "ca.crt")
    if pair is not None:
        context.load_cert_chain(cluster.certificates / f"{pair}.crt", cluster.certificates / f"{pair}.key")
    incoming, outgoing = await asyncio.open_connection("127.0.0.1", port)
    try:
        if not tls_first:
            assert (await incoming.readline()).startswith(b"INFO")
        await outgoing.start_tls(context, server_hostname=HOST)
        outgoing.write(f"CONNECT {json.dumps({'verbose': False, **said})}\r\nPING\r\n".encode())
        while (line := await incoming.readline()).startswith(b"INFO"):
            pass
    except (ssl.SSLError, ConnectionError):
        return b""
    finally:
        outgoing.transport.abort()
    return line


async def test_a_client_needs_a_certificate_and_a_password(cluster: NatsCluster) -> None:
    port = int(cluster.url("gateway", NAMES[:1]).rpartition(":")[2])
    known = {"user": "gateway", "pass": cluster.passwords["NATS_GATEWAY_PASSWORD"]}
    assert await answer_to(cluster, port, "gateway", known) == b"PONG\r\n"
    assert await answer_to(cluster, port, None, known) == b""
    assert b"Authorization Violation" in await answer_to(cluster, port, "gateway", {**known, "pass": "guess"})
    assert b"Authorization Violation" in await answer_to(cluster, port, "gateway", {})


async def test_only_a_server_joins_the_cluster(cluster: NatsCluster) -> None:
    """A certificate of a service is of the same CA as the servers'."""
    server = {"server_id": "N" + "A" * 55, "name": "nats-4", "cluster": "podium"}
    port = cluster.routes["nats-1"]
    assert b"Authorization Violation" in await answer_to(cluster, port, "gateway", server, tls_first=True)
    assert b"Authorization Violation" not in await answer_to(cluster, port, "nats-2", server, tls_first=True)
