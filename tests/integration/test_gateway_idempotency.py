"""One Idempotency-Key, one job: asked again, asked for something else, asked by many at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.integration.gateway_serving import TITANIC, Gateway, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.servers import NatsServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(nats_server: NatsServer) -> AsyncIterator[Gateway]:
    async with serving(nats_server, attempt_limit_s=600) as running:
        yield running


def keyed() -> dict[str, str]:
    return {"Idempotency-Key": f"order {uuid4()}".replace(" ", "-")}


async def test_the_same_request_again_is_the_same_job(gateway: Gateway) -> None:
    key = keyed()
    first = await gateway.client.post("/run", json=TITANIC, headers=key)
    # The same request in other words: what counts is what it asks for.
    same = {"priority": "normal", "budget_s": None, "kaggle_url": "https://kaggle.com/c/titanic/overview"}
    again = await gateway.client.post("/jobs", json=same, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(await gateway.log.read_job(first.json()["job_id"])) == 1


async def test_a_gateway_that_knows_nothing_of_it_replays_it_too(
    gateway: Gateway, nats_server: NatsServer
) -> None:
    key = keyed()
    first = await gateway.client.post("/run", json=TITANIC, headers=key)
    async with serving(nats_server) as other:
        again = await other.client.post("/run", json=TITANIC, headers=key)
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_another_request_under_the_same_key_is_refused(gateway: Gateway) -> None:
    key = keyed()
    first = await gateway.client.post("/run", json=TITANIC, headers=key)
    for other in ({"budget_s": 60}, {"priority": "high"}, {"time_limit_s": 60}):
        answer = await gateway.client.post("/run", json=TITANIC | other, headers=key)
        assert (answer.status_code, answer.json()["type"]) == (
            422,
            "urn:podium:problem:idempotency-key-reused",
        )
    assert len(await gateway.log.read_job(first.json()["job_id"])) == 1


async def test_many_at_once_make_one_job(gateway: Gateway) -> None:
    key = keyed()
    answers = await asyncio.gather(
        *(gateway.client.post("/run", json=TITANIC, headers=key) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "caf\u00e9".encode()])
async def test_a_key_that_is_none_is_refused(gateway: Gateway, key: str | bytes) -> None:
    answer = await gateway.client.post("/run", json=TITANIC, headers={b"Idempotency-Key": key})
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["field"] == "idempotency_key"


async def test_a_limit_and_a_priority_are_stored_and_shown(gateway: Gateway) -> None:
    job_id = await gateway.submit(time_limit_s=600, priority="high")
    shown = (await gateway.client.get(f"/status/{job_id}")).json()
    assert (shown["time_limit_s"], shown["priority"]) == (600, "high")


@pytest.mark.parametrize("wrong", [{"time_limit_s": 59}, {"time_limit_s": 601}, {"priority": "urgent"}])
async def test_what_the_operator_does_not_allow_is_refused(
    gateway: Gateway, wrong: dict[str, object]
) -> None:
    answer = await gateway.client.post("/run", json=TITANIC | wrong)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == next(iter(wrong))
