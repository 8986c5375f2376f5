"""What the gateway does while a server behind it is away, and how it starts and stops."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from cli.embedded.servers import free_port
from services.gateway.hub import Subscription
from tests.integration.gateway_serving import NO_POSTGRES, TITANIC, running, serving, until_ready
from tests.servers import NatsServer

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture
def own_nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A server that the test may kill."""
    server = NatsServer(tmp_path)
    server.start()
    yield server
    server.kill()


async def assert_away(client: httpx.AsyncClient) -> None:
    began = time.monotonic()
    answer = await client.post("/run", json=TITANIC)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:podium:problem:unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert time.monotonic() - began < 2


async def test_a_gateway_comes_up_before_nats(own_nats: NatsServer) -> None:
    own_nats.kill()
    async with running(own_nats.url) as (client, _):
        await until_ready(client, 503)
        await assert_away(client)
        ready = await client.get("/health/ready")
        assert ready.json()["checks"] == {"nats": "down", "postgres": "down", "redis": "unset"}
        assert (await client.get("/health/live")).status_code == 200
        own_nats.start()
        await until_ready(client)
        assert (await client.post("/run", json=TITANIC)).status_code == 202


async def test_nats_goes_and_comes_back(own_nats: NatsServer) -> None:
    async with serving(own_nats) as gateway:
        job_id = await gateway.submit()
        async with gateway.client.stream("GET", f"/jobs/{job_id}/events") as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            own_nats.kill()
            await until_ready(gateway.client, 503)
            await assert_away(gateway.client)
            own_nats.start()
            await until_ready(gateway.client)
            assert (await gateway.client.get(f"/status/{job_id}")).json()["status"] == "queued"
            await gateway.client.delete(f"/jobs/{job_id}")
            async with asyncio.timeout(15):
                names = [line async for line in lines_until(lines, "event: JobCancelRequested")]
        assert [name for name in names if name.startswith("event:")] == [
            "event: JobRequested",
            "event: JobCancelRequested",
        ]
        assert len(await gateway.parts.link.read_job(job_id)) == 2


async def test_a_bug_in_the_follower_ends_its_streams(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(nats_server) as gateway:
        job_id = await gateway.submit()
        async with gateway.client.stream("GET", f"/jobs/{job_id}/events") as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            monkeypatch.setattr(Subscription, "offer", None)
            await gateway.client.delete(f"/jobs/{job_id}")
            async with asyncio.timeout(5):
                assert [line async for line in lines if line][-1] == ": come back in a moment"
        assert (await gateway.client.get(f"/jobs/{job_id}/events")).status_code == 503


async def lines_until(lines: AsyncIterator[str], last: str) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line == last:
            return


@asynccontextmanager
async def silence() -> AsyncIterator[str]:
    """The URL of a Postgres that takes connections and says nothing."""
    done = asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    yield f"postgresql://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
    done.set()
    server.close()


@pytest.mark.alone
async def test_a_postgres_that_hangs_costs_a_second(nats_server: NatsServer) -> None:
    async with silence() as url, serving(nats_server, database_url=url) as gateway:
        job_id = await gateway.submit()
        began = time.monotonic()
        assert (await gateway.client.get(f"/status/{job_id}")).status_code == 200
        assert time.monotonic() - began < 2.5
        listed = await gateway.client.get("/jobs")
        assert (listed.status_code, listed.json()["type"]) == (503, "urn:podium:problem:unavailable")


async def process(**variables: str) -> Process:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PODIUM_", "NATS_"))}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.gateway",
        env=clean | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_a_bad_setting_is_one_line() -> None:
    gateway = await process(NATS_URL="nats://127.0.0.1:1", DATABASE_URL=NO_POSTGRES, PODIUM_PORT="web")
    out, err = await gateway.communicate()
    assert (gateway.returncode, out) == (2, b"")
    assert err.decode().splitlines() == ["podium gateway: PODIUM_PORT should be a whole number, not 'web'"]


async def test_a_stop_ends_streams_and_is_no_failure(nats_server: NatsServer) -> None:
    port = free_port()
    gateway = await process(NATS_URL=nats_server.url, DATABASE_URL=NO_POSTGRES, PODIUM_PORT=str(port))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        await until_ready(client)
        job_id = (await client.post("/run", json=TITANIC)).json()["job_id"]
        async with client.stream("GET", f"/jobs/{job_id}/events") as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            gateway.send_signal(signal.SIGTERM)
            assert [line async for line in lines if line][-1] == ": come back in a moment"
    async with asyncio.timeout(5):
        _, err = await gateway.communicate()
    assert gateway.returncode == 0, err.decode()
    assert "Traceback" not in err.decode()
    assert job_id in err.decode()
