"""API keys: who is let in, what a key may do, and that its jobs are not there for another, by any way."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio

from services.gateway.app import create_app
from services.gateway.job_id import new_job_id
from services.gateway.parts import Parts
from services.gateway.settings import Settings
from services.gateway.sse import CLOSING
from services.key_store import KeyStore, ensure_key_bucket
from services.running import utc_now
from tests.integration.gateway_serving import (
    NO_POSTGRES,
    TITANIC,
    Gateway,
    ended_job,
    migrated,
    project,
    running,
    serving,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from services.api_keys import Scope
    from tests.servers import NatsServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPEN = {"/", "/page/{name}", "/asyncapi.json", "/schemas/{name}", "/health/live", "/health/ready"}
"""What is there without a key; and to end a session, below."""


def operations() -> list[tuple[str, str]]:
    """Every method and path that the interface says it has."""
    settings = Settings(nats_url="nats://n", database_url=NO_POSTGRES, keys_required=True)
    found = create_app(Parts(settings)).openapi_schema.to_schema()["paths"]
    return [(method.upper(), path) for path, ways in found.items() for method in ways]


OF_A_JOB = [(method, path) for method, path in operations() if "{job_id}" in path]
CLOSED = [
    (method, path) for method, path in operations() if path not in OPEN and method + path != "DELETE/session"
]


class World:
    """A gateway that wants keys, and clients of it: two with keys alike, an admin, one who may do nothing."""

    def __init__(self, gateway: Gateway, tokens: dict[str, str], ids: dict[str, str], keys: KeyStore) -> None:
        self.gateway = gateway
        self.tokens = tokens
        self.ids = ids
        self.keys = keys
        self.job = ""
        self.database: Any = None

    async def ask(
        self, who: str | None, method: str, path: str, **more: Any
    ) -> tuple[int, httpx.Headers, str]:
        """The answer: all of it, or how a stream begins."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        headers |= more.pop("headers", {})
        self.gateway.client.cookies.clear()  # it would send what an earlier answer has set
        async with self.gateway.client.stream(method, path, headers=headers, **more) as answer:
            is_stream = answer.headers.get("content-type", "").startswith("text/event-stream")
            body = "" if is_stream else (await answer.aread()).decode()
            return answer.status_code, answer.headers, body


async def made(keys: KeyStore, *scopes: Scope, **more: Any) -> tuple[str, str]:
    key, token = await keys.make(name="test", scopes=scopes, now=utc_now(), **({"expires_at": None} | more))
    return key.id, token


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(nats_server: NatsServer, postgres_url: str) -> AsyncIterator[World]:
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f"CREATE DATABASE {name}")
    database_url = urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
    async with (
        nats_server.connection() as connection,
        migrated(database_url) as database,
        serving(nats_server, database_url=database_url, keys_required=True) as gateway,
    ):
        await ensure_key_bucket(connection.jetstream())
        keys = KeyStore(connection)
        given: dict[str, Sequence[Scope]] = {
            "ann": ("submit", "read", "cancel"),
            "bob": ("submit", "read", "cancel"),
            "ops": ("admin",),
            "idle": (),
        }
        pairs = {who: await made(keys, *scopes) for who, scopes in given.items()}
        found = World(
            gateway,
            {who: token for who, (_, token) in pairs.items()},
            {who: of for who, (of, _) in pairs.items()},
            keys,
        )
        found.database = database
        await until(lambda: found.ask("idle", "POST", "/session"), 204)
        found.job = await ended_job(gateway, owner=found.ids["ann"])
        await project(database, gateway.log, found.job)
        yield found
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


async def until(ask: Any, status: int) -> None:
    async with asyncio.timeout(10):
        while (await ask())[0] != status:
            await asyncio.sleep(0.02)


def at(path: str, job_id: str) -> str:
    return path.format(job_id=job_id, name="submission.csv", webhook_id="x")


async def test_there_is_something_to_test() -> None:
    assert len(OF_A_JOB) >= 7
    assert {"/jobs", "/events", "/stats", "/metrics", "/run"} <= {path for _, path in CLOSED}


@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_nothing_is_there_without_a_key_or_without_its_scope(
    world: World, method: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = at(path, world.job)
    status, headers, body = await world.ask(None, method, path)
    assert (status, json.loads(body)["type"]) == (401, "urn:podium:problem:no-key")
    assert headers["www-authenticate"].startswith("Bearer ")
    wrong = world.tokens["ann"][:-1] + ("A" if world.tokens["ann"][-1] != "A" else "B")
    status, headers, body = await world.ask(None, method, path, headers={"Authorization": f"Bearer {wrong}"})
    assert (status, json.loads(body)["type"]) == (401, "urn:podium:problem:bad-key")
    assert 'error="invalid_token"' in headers["www-authenticate"]
    assert wrong not in body
    if path != "/session":  # for any key at all
        status, headers, body = await world.ask("idle", method, path)
        assert (status, json.loads(body)["type"]) == (403, "urn:podium:problem:scope-lacking")
        assert 'error="insufficient_scope"' in headers["www-authenticate"]
    logged = capsys.readouterr()
    assert "status=401" in logged.out
    assert not [token for token in (wrong, *world.tokens.values()) if token in logged.out + logged.err]


@pytest.mark.parametrize(("method", "path"), OF_A_JOB)
async def test_a_job_of_another_key_is_there_no_more_than_one_that_never_was(
    world: World, method: str, path: str
) -> None:
    never = new_job_id()
    unknown = await world.ask("bob", method, at(path, never))
    hidden = await world.ask("bob", method, at(path, world.job))
    assert hidden[0] == 404
    assert hidden[2].replace(world.job, never) == unknown[2]
    assert set(hidden[1]) == set(unknown[1])
    # Its own key and an admin get further, whatever the route makes of it.
    for who in ("ann", "ops"):
        _, _, body = await world.ask(who, method, at(path, world.job))
        assert "no-such-job" not in body


async def test_nor_is_its_head(world: World) -> None:
    for path in [path for method, path in OF_A_JOB if method == "GET"]:
        statuses = [(await world.ask(who, "HEAD", at(path, world.job)))[0] for who in (None, "idle", "bob")]
        assert statuses == [401, 403, 404], path
        assert (await world.ask("ann", "HEAD", at(path, world.job)))[0] in {200, 204}, path


async def test_lists_counts_and_moments_are_of_a_key_s_own_jobs(world: World) -> None:
    async def jobs(who: str, query: str = "") -> set[str]:
        status, _, body = await world.ask(who, "GET", f"/jobs?{query}")
        assert status == 200
        return {job["job_id"] for job in json.loads(body)["jobs"]}

    status, _, body = await world.ask("bob", "POST", "/run", json=TITANIC)
    assert status == 202
    theirs = json.loads(body)["job_id"]
    await project(world.database, world.gateway.log, theirs)
    assert await jobs("ann") == {world.job}
    assert await jobs("bob") == {theirs}
    assert await jobs("ops") >= {world.job, theirs}
    # Bob's job is newer than Ann's: what comes after it would be hers.
    assert await jobs("bob", f"before={theirs}") == set()
    assert await jobs("ann", f"before={theirs}") == await jobs("ann", f"before={new_job_id()}") == set()
    status, _, body = await world.ask("bob", "GET", f"/status/{world.job}?at=99999999")
    assert status == 404
    counts = {who: json.loads((await world.ask(who, "GET", "/stats"))[2]) for who in ("ann", "bob", "ops")}
    assert (counts["ann"]["queued"], counts["ann"]["ended"]["success"]) == (0, 0)  # its end is not projected
    assert counts["bob"]["queued"] == 1
    assert counts["ops"]["queued"] >= 1
    assert json.loads((await world.ask("ann", "GET", f"/jobs/{world.job}"))[2])["owner"] == world.ids["ann"]


async def test_the_stream_of_all_jobs_holds_only_those_of_the_key(world: World) -> None:
    here = await world.gateway.parts.link.last_sequence()

    async def first_job(who: str) -> str:
        headers = {"Authorization": f"Bearer {world.tokens[who]}"}
        async with world.gateway.client.stream("GET", f"/events?after={here}", headers=headers) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    return str(json.loads(line[6:])["job_id"])
        raise AssertionError("the stream ended")

    async def submit(who: str) -> str:
        return str(json.loads((await world.ask(who, "POST", "/run", json=TITANIC))[2])["job_id"])

    early = asyncio.create_task(first_job("bob"))
    await asyncio.sleep(0.1)
    anns, bobs = await submit("ann"), await submit("bob")
    async with asyncio.timeout(10):
        assert await early == bobs  # live
        assert await first_job("bob") == bobs  # caught up with
        assert await first_job("ann") == anns
        assert await first_job("ops") == anns


async def test_an_idempotency_key_is_one_of_its_api_key(world: World) -> None:
    async def submit(who: str, url: str) -> tuple[int, str, str | None]:
        status, headers, body = await world.ask(
            who, "POST", "/run", json={"kaggle_url": url}, headers={"Idempotency-Key": "order-1"}
        )
        return status, json.loads(body).get("job_id", ""), headers.get("idempotency-replayed")

    titanic, otto = "https://www.kaggle.com/c/titanic", "https://www.kaggle.com/c/otto"
    first, other = await submit("ann", titanic), await submit("bob", otto)
    assert (first[0], other[0], first[1] != other[1]) == (202, 202, True)
    assert await submit("ann", titanic) == (202, first[1], "true")
    assert (await submit("ann", otto))[0] == 422


async def test_a_key_counts_until_it_is_revoked_and_its_use_is_noted(world: World) -> None:
    key_id, token = await made(world.keys, "read")
    world.tokens["short"] = token
    await until(lambda: world.ask("short", "GET", "/jobs"), 200)
    headers = {"Authorization": f"Bearer {token}"}
    async with world.gateway.client.stream("GET", "/events", headers=headers) as answer:
        await world.keys.revoke(key_id, now=utc_now())
        async with asyncio.timeout(10):
            assert (await answer.aread()).endswith(CLOSING)  # a stream that was open ends with its key
    await until(lambda: world.ask("short", "GET", "/jobs"), 401)
    _, world.tokens["late"] = await made(world.keys, "read", expires_at=utc_now() - timedelta(seconds=1))
    await asyncio.sleep(0.1)
    assert (await world.ask("late", "GET", "/jobs"))[0] == 401
    await world.gateway.parts.keyring.note_uses()
    used = await world.keys.used()
    assert key_id in used
    assert utc_now() - used[key_id] < timedelta(minutes=1)


async def test_a_browser_reads_by_its_cookie_and_changes_nothing_by_it(world: World) -> None:
    status, headers, _ = await world.ask("ann", "POST", "/session")
    cookie = headers["set-cookie"]
    assert status == 204
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=900"} <= set(cookie.split("; "))
    assert (
        "Secure"
        in (await world.ask("ann", "POST", "/session", headers={"X-Forwarded-Proto": "https"}))[1][
            "set-cookie"
        ]
    )
    carried = {"Cookie": cookie.partition(";")[0]}
    path = f"/jobs/{world.job}/files/submission.csv"

    async def status_of(method: str, path: str, **more: str) -> int:
        return (await world.ask(None, method, path, headers=carried | more))[0]

    assert await status_of("GET", path) == 200
    assert await status_of("GET", path, **{"Sec-Fetch-Site": "same-origin"}) == 200
    assert await status_of("GET", path, **{"Sec-Fetch-Site": "same-site"}) == 401
    assert await status_of("GET", path, Authorization="Bearer pk_nonsense") == 401
    assert await status_of("DELETE", f"/jobs/{world.job}") == 401
    assert await status_of("POST", "/run") == 401
    ended = (await world.ask(None, "DELETE", "/session"))[1]["set-cookie"]
    assert "Max-Age=0" in ended


async def test_limits_are_counted_by_key(nats_server: NatsServer, world: World) -> None:
    async with serving(nats_server, keys_required=True, submits_per_minute=1) as other:
        there = World(other, world.tokens, world.ids, world.keys)
        await until(lambda: there.ask("idle", "POST", "/session"), 204)
        statuses = [(await there.ask(who, "POST", "/run", json=TITANIC))[0] for who in ("ann", "ann", "bob")]
    assert statuses == [202, 429, 202]


async def test_before_the_keys_are_known_nobody_is_told_that_theirs_is_wrong(world: World) -> None:
    async with running("nats://127.0.0.1:1", keys_required=True) as (client, _):
        headers = {"Authorization": f"Bearer {world.tokens['ann']}"}
        async with asyncio.timeout(10):
            while True:
                try:
                    answer = await client.get("/jobs", headers=headers)
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
        assert answer.status_code == 503


async def test_metrics_can_be_left_open(nats_server: NatsServer) -> None:
    async with serving(nats_server, keys_required=True, metrics_open=True) as gateway:
        assert (await gateway.client.get("/metrics")).status_code == 200
        assert (await gateway.client.get("/stats")).status_code == 401
