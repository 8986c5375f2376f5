"""A gateway in this process on a real socket, in front of real servers, and the log behind it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import msgspec
from msgspec.structs import replace

from cli.embedded.servers import free_port
from events.catalogue import (
    AttemptScheduled,
    AttemptStarted,
    AttemptSucceeded,
    JobRequested,
    JobSucceeded,
)
from events.jetstream import JetStreamLog
from events.job import fold
from events.log import JobAt
from services.artifacts import ArtifactStore
from services.gateway.__main__ import GatewayServer
from services.gateway.job_id import new_job_id
from services.gateway.parts import Parts
from services.gateway.settings import Settings
from services.projector.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.client import Client

    from events.catalogue import Event
    from events.log import Log
    from tests.servers import NatsServer

NO_POSTGRES = "postgresql://127.0.0.1:1/nothing"
TITANIC = {"kaggle_url": "https://www.kaggle.com/competitions/titanic"}


class Gateway:
    """A running gateway: its client, its parts, and a connection of the test's own to the same log."""

    def __init__(self, client: httpx.AsyncClient, parts: Parts, connection: Client) -> None:
        self.client = client
        self.parts = parts
        self.log = JetStreamLog(connection, source="test")
        self.files = ArtifactStore(connection.jetstream())

    async def submit(self, **fields: Any) -> str:
        answer = await self.client.post("/run", json=TITANIC | fields)
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["job_id"]
        return job_id

    async def write(self, *events: Event) -> int:
        records = await self.log.read_job(events[0].job_id)
        last = records[-1].sequence if records else 0
        for event in events:
            last = await self.log.append(event, expect=JobAt(sequence=last))
        return last


@asynccontextmanager
async def running(
    nats_url: str, *, database_url: str = NO_POSTGRES, **more: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, Parts]]:
    """A gateway without limits unless they are set, and a client of it; NATS may be away."""
    more = {"submits_per_minute": 0, "reads_per_minute": 0} | more
    settings = Settings(nats_url=nats_url, database_url=database_url, port=free_port(), **more)
    parts = Parts(settings)
    server = GatewayServer(parts)
    task = asyncio.create_task(server.serve())
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}", timeout=10) as client:
            yield client, parts
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def serving(nats: NatsServer, **settings: Any) -> AsyncIterator[Gateway]:
    """A gateway that is ready, and a connection to its log."""
    async with running(nats.url, **settings) as (client, parts), nats.connection() as connection:
        await until_ready(client)
        yield Gateway(client, parts, connection)


async def until_ready(client: httpx.AsyncClient, status: int = 200) -> None:
    """Wait until readiness is answered with a status."""
    async with asyncio.timeout(20):
        while True:
            try:
                if (await client.get("/health/ready")).status_code == status:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


@asynccontextmanager
async def migrated(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to a database whose tables are up to date."""
    connection = await asyncpg.connect(database_url)
    try:
        await migrate(connection)
        yield connection
    finally:
        await connection.close()


async def project(connection: asyncpg.Connection[asyncpg.Record], log: Log, job_id: str) -> None:
    """Fold one job into its row, as a projector would."""
    job = fold(await log.read_job(job_id))
    assert job is not None
    await connection.execute(
        "INSERT INTO jobs (job_id, kaggle_url, competition_name, status, created_at, attempt, metadata,"
        " sequence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        job.job_id,
        job.kaggle_url,
        job.competition,
        job.status,
        job.created_at,
        len(job.attempts),
        msgspec.json.encode(job).decode(),
        job.sequence,
    )


def requested() -> JobRequested:
    """A job of its own, not yet stored."""
    return JobRequested(job_id=new_job_id(), competition="c", source="local", kaggle_url="local:c")


def started(job_id: str) -> tuple[Event, ...]:
    """The first attempt, as far as its start."""
    return (
        AttemptScheduled(job_id=job_id, attempt=1),
        AttemptStarted(job_id=job_id, attempt=1, executor="x", runtime="docker", cpus=1, memory_bytes=1),
    )


async def ended_job(gateway: Gateway, *, owner: str | None = None) -> str:
    """A job that has left a file."""
    event = replace(requested(), owner=owner)
    job_id = event.job_id
    await gateway.write(event)
    csv = await gateway.files.put(job_id=job_id, attempt=1, name="submission.csv", data=b"id,y\n1,2\n")
    await gateway.write(
        *started(job_id),
        AttemptSucceeded(
            job_id=job_id,
            attempt=1,
            task="binary",
            metric="auc",
            maximize=True,
            score=0.9,
            fold_scores=(0.9,),
            artifacts=(csv,),
        ),
        JobSucceeded(job_id=job_id, attempt=1),
    )
    return job_id
