"""The limit on submits: counted in Redis over all gateways, and in memory while Redis is away."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from cli.embedded.servers import free_port, valkey_command
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
        assert 1 <= int(answer.headers["retry-after"]) <= 60
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
