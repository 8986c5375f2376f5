"""Webhooks from the end of a job to a receiver that checks their signatures, over whatever goes wrong."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from events import catalogue as ev
from services.webhooks import __main__ as webhooks
from services.webhooks import rules
from services.webhooks.sender import Sender
from services.webhooks.settings import Settings
from tests.integration.gateway_serving import TITANIC, Gateway, serving, started
from tests.integration.webhook_receiver import receiving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.servers import NatsServer

LOOPBACK = (ip_network("127.0.0.0/8"),)
NOT_CANONICAL = {"2130706433", "017700000001", "127.1"}
"""What the client itself takes for no address."""


@asynccontextmanager
async def delivering(nats_server: NatsServer, *, answer_s_max: float = 5) -> AsyncIterator[None]:
    """A deliverer in this process."""
    settings = Settings(
        nats_url=nats_server.url,
        nats_replicas=1,
        pulse_file=None,
        answer_s_max=answer_s_max,
        allowed=LOOPBACK,
    )
    async with nats_server.connection() as connection:
        task = asyncio.create_task(webhooks._run(settings, connection))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})


async def secret_of(gateway: Gateway) -> str:
    answer = await gateway.client.post("/webhooks/secret")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["secret"])


async def fail(gateway: Gateway, job_id: str) -> None:
    """Let a job go through a stage and fail."""
    await gateway.write(
        *started(job_id),
        ev.StageStarted(job_id=job_id, attempt=1, stage="analysis"),
        ev.StageCompleted(job_id=job_id, attempt=1, stage="analysis", summary="read"),
        ev.AttemptFailed(job_id=job_id, attempt=1, reason="bad", message="It is bad.", retryable=False),
        ev.JobFailed(job_id=job_id, reason="bad", message="It is bad."),
    )


async def ended_job(gateway: Gateway, url: str) -> str:
    job_id = await gateway.submit(webhook_url=url)
    await fail(gateway, job_id)
    return job_id


async def only(gateway: Gateway, job_id: str, state: str) -> dict[str, Any]:
    """The one webhook of a job, once it is in a state."""
    async with asyncio.timeout(15):
        while True:
            found: list[dict[str, Any]] = (await gateway.client.get(f"/jobs/{job_id}/webhooks")).json()[
                "webhooks"
            ]
            if found and found[0]["state"] == state:
                assert len(found) == 1
                return found[0]
            await asyncio.sleep(0.02)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come at once."""
    monkeypatch.setattr(rules, "RETRY_DELAYS_S", (0.05,) * 3)


async def test_a_receiver_is_told_in_words_that_it_can_check(nats_server: NatsServer) -> None:
    async with serving(nats_server) as gateway, receiving() as receiver, delivering(nats_server):
        old, secret = await secret_of(gateway), await secret_of(gateway)
        job_id = await gateway.submit(webhook_url=f"{receiver.url}/hook", webhook_stages=True, tags=["t"])
        await fail(gateway, job_id)
        heard = await receiver.until("/hook", 3)
        for headers, body in heard:
            for known in (secret, old):  # the one before signs along for a day
                Webhook(known).verify(body, headers)
            with pytest.raises(WebhookVerificationError):
                Webhook(secret).verify(body + " ", headers)
        bodies = {content["type"]: content for content in (json.loads(body) for _, body in heard)}
        assert set(bodies) == {"stage.started", "stage.completed", "job.failed"}
        data = bodies["job.failed"]["data"]
        assert (data["job_id"], data["status"], data["reason"], data["tags"]) == (
            job_id,
            "failed",
            "bad",
            ["t"],
        )
        assert bodies["stage.completed"]["data"]["summary"] == "read"
        listed = (await gateway.client.get(f"/jobs/{job_id}/webhooks")).json()["webhooks"]
        assert {one["webhook_id"] for one in listed} == {headers["webhook-id"] for headers, _ in heard}
        assert secret not in json.dumps(listed)


@pytest.mark.usefixtures("soon")
async def test_what_fails_is_sent_again_the_same_and_a_redirect_is_not_followed(
    nats_server: NatsServer,
) -> None:
    async with (
        serving(nats_server) as gateway,
        receiving() as receiver,
        delivering(nats_server, answer_s_max=0.4),
    ):
        await secret_of(gateway)
        receiver.answers["/hook"] = [500, 302, "hang"]
        job_id = await ended_job(gateway, f"{receiver.url}/hook")
        heard = await receiver.until("/hook", 4)
        assert len({(headers["webhook-id"], body) for headers, body in heard}) == 1
        assert receiver.at("/elsewhere") == []
        found = await only(gateway, job_id, "delivered")
        assert [(one["status"], one["error"]) for one in found["tries"]] == [
            (500, None),
            (302, None),
            (None, "no answer in time"),
            (200, None),
        ]
        receiver.answers["/never"] = [503] * 4
        given_up = await only(gateway, await ended_job(gateway, f"{receiver.url}/never"), "failed")
        assert (len(given_up["tries"]), given_up["next_at"]) == (4, None)


async def test_a_receiver_that_is_gone_hears_no_more_until_asked_by_hand(nats_server: NatsServer) -> None:
    async with serving(nats_server) as gateway, receiving() as receiver, delivering(nats_server):
        await secret_of(gateway)
        url = f"{receiver.url}/hook"
        receiver.answers["/hook"] = [410]
        first = await ended_job(gateway, url)
        webhook_id = (await only(gateway, first, "disabled"))["webhook_id"]
        second = await ended_job(gateway, url)
        assert (await only(gateway, second, "disabled"))["tries"] == []
        again = f"/jobs/{first}/webhooks/{webhook_id}/redeliver"
        assert (await gateway.client.post(again)).status_code == 202
        assert [one["status"] for one in (await only(gateway, first, "delivered"))["tries"]] == [410, 200]
        assert {headers["webhook-id"] for headers, _ in receiver.at("/hook")} == {webhook_id}
        third = await ended_job(gateway, url)
        await only(gateway, third, "delivered")
        assert (
            await gateway.client.post(f"/jobs/{second}/webhooks/{webhook_id}/redeliver")
        ).status_code == 404


async def test_a_deliverer_that_is_killed_loses_none(nats_server: NatsServer) -> None:
    environment = {
        **os.environ,
        "NATS_URL": nats_server.url,
        "PODIUM_WEBHOOK_NETWORKS": "127.0.0.0/8",
        "PODIUM_WEBHOOK_ANSWER_S": "0.7",
    }

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "services.webhooks"], env=environment)

    async with serving(nats_server) as gateway, receiving() as receiver:
        await secret_of(gateway)
        receiver.answers["/hook"] = ["hang"]
        job_id = await ended_job(gateway, f"{receiver.url}/hook")  # while there is no deliverer
        deliverer = start()
        try:
            async with asyncio.timeout(60):
                await receiver.hung.wait()
            deliverer.kill()
            deliverer.wait()
            deliverer = start()
            heard = await receiver.until("/hook", 2, within_s=60)
            assert len({headers["webhook-id"] for headers, _ in heard}) == 1
            await only(gateway, job_id, "delivered")
            deliverer.terminate()
            assert deliverer.wait(20) == 0
        finally:
            deliverer.kill()
            deliverer.wait()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "rebound.example",
    ],
)
async def test_no_way_of_writing_it_leads_to_this_machine(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def rebound(name: Any, *more: Any, **named: Any) -> Any:
        return resolve("127.0.0.1" if name == "rebound.example" else name, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    async with receiving() as receiver:
        url = f"http://{host}:{receiver.url.rpartition(':')[2]}/"
        async with Sender(answer_s_max=5, allowed=()) as guarded:
            answer = await guarded.send(url, "{}", {})
        assert answer.status is None
        assert answer.error is not None
        assert ("may go to" in answer.error) is (host not in NOT_CANONICAL)
        assert receiver.heard == []
        if host == "rebound.example":  # that it would have been reached
            async with Sender(answer_s_max=5, allowed=LOOPBACK) as free:
                assert (await free.send(url, "{}", {})).status == 200


async def test_what_could_never_be_delivered_is_refused_at_once(nats_server: NatsServer) -> None:
    async with serving(nats_server) as gateway, nats_server.connection() as connection:
        bucket = await connection.jetstream().key_value("webhook-secrets")
        await bucket.delete("none")
        answer = await gateway.client.post("/run", json=TITANIC | {"webhook_url": "https://a.example"})
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:podium:problem:no-webhook-secret")
        for more, field in (
            ({"webhook_url": "ftp://a.example"}, "webhook_url"),
            ({"webhook_stages": True}, "webhook_stages"),
        ):
            answer = await gateway.client.post("/run", json=TITANIC | more)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
        await secret_of(gateway)
        assert (
            await gateway.client.post("/run", json=TITANIC | {"webhook_url": "https://a.example"})
        ).is_success
