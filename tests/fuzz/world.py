"""A gateway on real servers, with API keys and jobs in every state, for a client that knows its schema."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from events import catalogue as ev
from events.dead_letters import DeadLetters, ensure_dead_letters
from services.deliveries import DeliveryDue, TryEnded, TryStarted
from services.delivery_log import DeliveryLog, ensure_delivery_stream
from services.key_store import KeyStore, ensure_key_bucket
from services.log_line import LogLine
from services.logstream import LogLines, ensure_log_stream
from services.projector.loop import Projector
from services.projector.table import JobTable
from services.running import utc_now
from tests.integration.gateway_serving import ended_job, migrated, requested, serving, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from services.api_keys import Scope
    from tests.integration.gateway_serving import Gateway
    from tests.servers import NatsServer

KEYS: Mapping[str, Sequence[Scope]] = {
    "ann": ("submit", "read", "cancel"),
    "bob": ("submit", "read", "cancel"),
    "ops": ("admin",),
}
WEBHOOK = "msg_given_up"
PEERS = ("ann", "bob")
"""Whose jobs are not there for each other."""


class World:
    """Where it listens, the token of each of `KEYS`, and the jobs by what has become of them."""

    def __init__(self, url: str, tokens: dict[str, str], jobs: dict[str, list[str]]) -> None:
        self.url = url
        self.tokens = tokens
        self.jobs = jobs


@asynccontextmanager
async def world(nats: NatsServer, database_url: str) -> AsyncIterator[World]:
    """It stands until the context ends; what is asked of it stays in its log."""
    async with (
        migrated(database_url),
        serving(nats, database_url=database_url, keys_required=True) as gateway,
        nats.connection() as connection,
    ):
        js = connection.jetstream()
        await ensure_key_bucket(js)
        await ensure_log_stream(js, bytes_max=2**20, days=1)
        await ensure_dead_letters(js)
        table = JobTable(database_url)
        projecting = asyncio.create_task(Projector(gateway.log, table, DeadLetters(connection)).run())
        keys, owners, tokens = KeyStore(connection), {}, {}
        for name, scopes in KEYS.items():
            key, token = await keys.make(name=name, scopes=scopes, now=utc_now(), expires_at=None)
            owners[name], tokens[name] = key.id, token
        await ensure_delivery_stream(js)
        jobs = {name: await jobs_of(gateway, LogLines(connection), owners[name]) for name in PEERS}
        for mine in jobs.values():
            await delivered_in_vain(DeliveryLog(connection), mine[-1])
        async with asyncio.timeout(10):
            while not await known(gateway, tokens["ops"], last=jobs["bob"][-1]):
                await asyncio.sleep(0.05)
        yield World(str(gateway.client.base_url), tokens, jobs)
        projecting.cancel()
        await asyncio.wait([projecting])
        await table.close()


async def known(gateway: Gateway, token: str, *, last: str) -> bool:
    """The keys count by now, and the job is in the table."""
    answer = await gateway.client.get("/jobs", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code == 200 and last in {job["job_id"] for job in answer.json()["jobs"]}


async def jobs_of(gateway: Gateway, lines: LogLines, owner: str) -> list[str]:
    """Jobs of one owner: waiting, running, to be tried again, failed, cancelled, and done with a file."""
    histories = [waiting, running, retried, failed, cancelled]
    made = []
    for history in histories:
        event = replace(requested(), owner=owner)
        await gateway.write(event, *history(event.job_id))
        made.append(event.job_id)
    done = await ended_job(gateway, owner=owner)
    for job_id in (made[1], done):
        for number in (1, 2):
            line = LogLine(attempt=1, number=number, time=utc_now(), stream="stderr", text="fold")
            await lines.write(job_id, line)
    return [*made, done]


async def delivered_in_vain(log: DeliveryLog, job_id: str) -> None:
    """A webhook of the job that was given up, and can be sent again."""
    of = {"webhook_id": WEBHOOK, "job_id": job_id, "at": utc_now()}
    due = DeliveryDue(**of, kind="job.succeeded", owner=None, url="https://receiver.example", body="{}")
    last = await log.append(due, expect=0)
    last = await log.append(TryStarted(**of, number=1, until=utc_now()), expect=last)
    ended = TryEnded(**of, number=1, status=500, error=None, duration_ms=1, state="failed", next_at=None)
    await log.append(ended, expect=last)


def waiting(_: str) -> tuple[ev.Event, ...]:
    return ()


def running(job_id: str) -> tuple[ev.Event, ...]:
    return (
        *started(job_id),
        ev.StageStarted(job_id=job_id, attempt=1, stage="analysis"),
        ev.StageProgressed(
            job_id=job_id, attempt=1, stage="analysis", fraction=0.5, message="<b>halfway</b>"
        ),
    )


def retried(job_id: str) -> tuple[ev.Event, ...]:
    lost = ev.AttemptLost(job_id=job_id, attempt=1, executor="x", silent_s=30.0)
    not_before = datetime.now(UTC) + timedelta(seconds=60)
    return *started(job_id), lost, ev.RetryScheduled(job_id=job_id, attempt=2, not_before=not_before)


def failed(job_id: str) -> tuple[ev.Event, ...]:
    why = {"reason": "no-rules", "message": "The rules are not accepted."}
    return (
        *started(job_id),
        ev.AttemptFailed(job_id=job_id, attempt=1, retryable=False, **why),
        ev.JobFailed(job_id=job_id, **why),
    )


def cancelled(job_id: str) -> tuple[ev.Event, ...]:
    return ev.JobCancelRequested(job_id=job_id), ev.JobCancelled(job_id=job_id)
