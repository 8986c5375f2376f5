"""Limits: requests are counted in Redis over all gateways, and in memory while Redis is away."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from cli.embedded.servers import free_port, valkey_command
from services.gateway import wire
from services.gateway.job_id import new_job_id
from tests.integration.gateway_serving import TITANIC, Gateway, serving
from tests.servers import _wait_for_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import NatsServer


class Redis:
    """A Valkey that a test can kill and start again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(valkey_command(self._folder, self._port), stdout=subprocess.DEVNULL)
        _wait_for_port(self._port)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path / "redis")
    server.start()
    yield server
    server.kill()


async def submits(gateway: Gateway, count: int) -> list[int]:
    return [(await gateway.client.post("/run", json=TITANIC)).status_code for _ in range(count)]


async def test_one_submit_too_many_is_told_when_to_come_back(nats_server: NatsServer) -> None:
    async with serving(nats_server, submits_per_minute=2) as gateway:
        assert await submits(gateway, 2) == [202, 202]
        answer = await gateway.client.post("/run", json=TITANIC)
        assert answer.status_code == 429
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:podium:problem:too-many-requests"
        assert 1 <= int(answer.headers["retry-after"]) <= 61
        assert answer.headers["ratelimit-policy"] == '"submit";q=2;w=60'
        assert answer.headers["ratelimit"] == f'"submit";r=0;t={answer.headers["retry-after"]}'
        assert (await gateway.client.post("/jobs", json=TITANIC)).status_code == 429
        assert (await gateway.client.get("/health/live")).status_code == 200


async def test_gateways_count_together_in_redis(nats_server: NatsServer, redis: Redis) -> None:
    async with (
        serving(nats_server, redis_url=redis.url, submits_per_minute=3) as one,
        serving(nats_server, redis_url=redis.url, submits_per_minute=3) as other,
    ):
        assert (await one.client.get("/health/ready")).json()["redis"] == "up"
        assert await submits(one, 2) + await submits(other, 2) == [202, 202, 202, 429]


async def test_without_redis_the_limit_holds_in_memory(nats_server: NatsServer, redis: Redis) -> None:
    async with serving(nats_server, redis_url=redis.url, submits_per_minute=2) as gateway:
        assert await submits(gateway, 1) == [202]
        redis.kill()
        assert await submits(gateway, 3) == [202, 202, 429]
        assert (await gateway.client.get("/health/ready")).json()["redis"] == "down"


@pytest.mark.alone
async def test_requests_at_once_to_two_gateways_get_no_more_than_the_limit(
    nats_server: NatsServer, redis: Redis
) -> None:
    async with (
        serving(nats_server, redis_url=redis.url, reads_per_minute=20) as one,
        serving(nats_server, redis_url=redis.url, reads_per_minute=20) as other,
    ):
        answers = await asyncio.gather(
            *(gateway.client.get(f"/status/{new_job_id()}") for gateway in (one, other) for _ in range(20))
        )
    assert Counter(answer.status_code for answer in answers) == {404: 20, 429: 20}
    assert all(answer.headers["ratelimit-policy"] == '"read";q=20;w=60' for answer in answers)
    left = [answer.headers["ratelimit"].split(";")[1] for answer in answers if answer.status_code == 404]
    assert sorted(left) == sorted(f"r={number}" for number in range(20))


async def test_only_a_trusted_proxy_is_believed_who_asks(nats_server: NatsServer) -> None:
    async def statuses(gateway: Gateway) -> list[int]:
        asked = [{"X-Forwarded-For": f"203.0.113.9, 198.51.100.{last}"} for last in (1, 2, 1)]
        return [(await gateway.client.get("/stats", headers=one)).status_code for one in asked]

    async with serving(nats_server, reads_per_minute=1) as gateway:
        assert await statuses(gateway) == [503, 429, 429]
    proxies = {"trusted_proxies": ("127.0.0.0/8",)}
    async with serving(nats_server, reads_per_minute=1, **proxies) as gateway:
        assert await statuses(gateway) == [503, 503, 429]
    # A client wrote this, and a proxy that speaks another header's words has passed it on.
    async with serving(nats_server, reads_per_minute=1, proxy_header="forwarded", **proxies) as gateway:
        assert await statuses(gateway) == [503, 429, 429]
        told = {"Forwarded": 'for=203.0.113.9, for="198.51.100.2:80"', "X-Forwarded-For": "203.0.113.1"}
        assert (await gateway.client.get("/stats", headers=told)).status_code == 503


async def test_a_head_is_bounded_and_refused_as_a_problem(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "_HEAD_S", 0.3)
    line = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
    large = b"x" * wire.HEAD_BYTES_MAX
    cases = {
        line + b"Connection: close\r\n\r\n": 200,
        line + b"a: " + large + b"\r\n\r\n": 431,
        line + b"a: " + large * 2: 431,  # and no end of it
        line.replace(b"live", large) + b"\r\n": 431,
        line + b"a: b\r\n" * 8000: 431,
        b"nonsense\r\n\r\n": 400,
        line: 408,
    }
    async with serving(nats_server) as gateway:
        for sent, status in cases.items():
            reader, writer = await asyncio.open_connection(port=gateway.parts.settings.port, host="127.0.0.1")
            writer.write(sent)
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            assert head.startswith(f"HTTP/1.1 {status} ".encode()), (sent[:60], head)
            assert b"x-content-type-options: nosniff" in head
            if status != 200:
                assert b"content-type: application/problem+json" in head
                assert json.loads(body)["status"] == status
