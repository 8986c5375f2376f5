"""Which pages of other origins may use the interface: those that the operator named, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.gateway_serving import TITANIC, serving

if TYPE_CHECKING:
    from tests.servers import NatsServer

OURS = "https://podium.example"
OTHER = "https://evil.example"
ALLOWED = "access-control-allow-origin"


async def test_a_named_origin_may_submit_and_read_errors_too(nats_server: NatsServer) -> None:
    async with serving(nats_server, cors_origins=(OURS,)) as gateway:
        ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "Idempotency-Key"}
        asked = await gateway.client.options("/run", headers={"Origin": OURS, **ask})
        assert (asked.status_code, asked.headers[ALLOWED]) == (204, OURS)
        assert "idempotency-key" in asked.headers["access-control-allow-headers"].lower()
        taken = await gateway.client.post("/run", json=TITANIC, headers={"Origin": OURS})
        assert (taken.status_code, taken.headers[ALLOWED]) == (202, OURS)
        missing = await gateway.client.get("/status/nope", headers={"Origin": OURS})
        assert (missing.status_code, missing.headers[ALLOWED]) == (400, OURS)


async def test_no_other_origin_may(nats_server: NatsServer) -> None:
    async with serving(nats_server, cors_origins=(OURS,)) as gateway:
        headers = {"Origin": OTHER, "Access-Control-Request-Method": "POST"}
        asked = await gateway.client.options("/run", headers=headers)
        assert asked.status_code == 400
        assert ALLOWED not in asked.headers
        assert ALLOWED not in (await gateway.client.get("/jobs", headers={"Origin": OTHER})).headers


async def test_without_the_setting_none_may(nats_server: NatsServer) -> None:
    async with serving(nats_server) as gateway:
        answer = await gateway.client.get("/health/live", headers={"Origin": OURS})
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control")]
