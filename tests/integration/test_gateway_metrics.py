"""What a gateway tells of itself and of all jobs, and that the dashboard asks for nothing else."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from events import catalogue as ev
from events import subjects
from services.gateway.jobs_table import JobsTable
from services.gateway.statistics import ALL, BUSY, Ended, Stats, Waited
from services.gateway.view_room import Room, room_of
from services.presence import Heartbeat, encode
from services.projector.rows import Row, row_of
from tests.history import job_after
from tests.integration.gateway_serving import (
    Gateway,
    migrated,
    project,
    running,
    serving,
    started,
    until_ready,
)

if TYPE_CHECKING:
    import httpx

    from tests.servers import NatsServer

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy/grafana/podium.json"
SERIES = re.compile(r"\b(?:podium|process)_[a-z_]+")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROOM = room_of(
    [
        Heartbeat(executor="a", slots=4, running=1),
        Heartbeat(executor="b", slots=2, running=2),
        Heartbeat(executor="c", slots=8, running=1, draining=True),
    ]
)


async def scraped(client: httpx.AsyncClient) -> dict[str, list[tuple[dict[str, str], float]]]:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def value(found: dict[str, list[tuple[dict[str, str], float]]], name: str, **labels: str) -> float | None:
    return next((number for these, number in found.get(name, []) if these == labels), None)


async def heard(gateway: Gateway, client: Any) -> dict[str, list[tuple[dict[str, str], float]]]:
    """A scrape after an executor's heartbeat has come in."""
    beat = encode(Heartbeat(executor='x"1', running=1, slots=3, left_over=2, cpus=1.5, memory_bytes=7))
    async with asyncio.timeout(10):
        while True:
            await client.publish(subjects.heartbeat_of("x1"), beat)
            found = await scraped(gateway.client)
            if value(found, "podium_executors_alive"):
                return found
            await asyncio.sleep(0.05)


async def every_series(gateway: Gateway, client: Any) -> dict[str, list[tuple[dict[str, str], float]]]:
    """A scrape after a job of every kind of event that moves a series."""
    job_id = await gateway.submit()
    last = await gateway.write(
        *started(job_id),
        ev.StageStarted(job_id=job_id, attempt=1, stage="analysis"),
        ev.StageCompleted(job_id=job_id, attempt=1, stage="analysis", summary=""),
        ev.AttemptFailed(job_id=job_id, attempt=1, reason="r", message="m", retryable=False),
        ev.JobFailed(job_id=job_id, reason="r", message="m"),
    )
    async with asyncio.timeout(10):
        while gateway.parts.hub.sequence < last:
            await asyncio.sleep(0.02)
    return await heard(gateway, client)


async def test_a_scrape_tells_of_requests_jobs_executors_and_the_projector(
    nats_server: NatsServer, database_url: str
) -> None:
    async with (
        migrated(database_url) as database,
        serving(nats_server, database_url=database_url) as gateway,
        nats_server.connection() as connection,
    ):
        before = await gateway.parts.link.last_sequence()
        await database.execute(
            "INSERT INTO projection_checkpoint (name, sequence) VALUES ('jobs', $1)", before
        )
        waiting = await gateway.submit()
        await project(database, gateway.log, waiting)
        await gateway.client.get(f"/jobs/{waiting}")
        await gateway.client.get("/no/such/path")
        async with gateway.client.stream("GET", "/events") as stream:
            assert stream.status_code == 200
            found = await every_series(gateway, connection)

    assert value(found, "podium_up", server="nats") == value(found, "podium_up", server="postgres") == 1
    assert value(found, "podium_jobs", status="queued") == 1
    assert value(found, "podium_jobs", status="running") == 0
    assert 0 < (value(found, "podium_queue_oldest_age_seconds") or 0) < 60
    assert value(found, "podium_projector_lag_events") == 8
    assert value(found, "podium_log_last_sequence") == before + 8
    assert value(found, "podium_sse_clients") == 1
    assert value(found, "podium_executor_slots", executor='x"1') == 3
    assert value(found, "podium_executor_running", executor='x"1') == 1
    assert value(found, "podium_executor_free", executor='x"1') == 2
    assert value(found, "podium_executor_draining", executor='x"1') == 0
    assert value(found, "podium_executor_attempt_cpus", executor='x"1') == 1.5
    assert value(found, "podium_executor_attempt_memory_bytes", executor='x"1') == 7
    assert value(found, "podium_executor_containers", executor='x"1') == 3
    assert value(found, "podium_jobs_requested_total") == 2
    assert value(found, "podium_jobs_ended_total", status="failed") == 1
    assert value(found, "podium_attempt_duration_seconds_count", outcome="failed") == 1
    requests = "podium_http_requests_total"
    assert value(found, requests, method="POST", route="/run", status="202") == 2
    assert value(found, requests, method="GET", route="/jobs/{job_id}", status="200") == 1
    assert value(found, requests, method="GET", route="none", status="404") == 1
    assert value(found, "podium_http_request_duration_seconds_count", method="POST", route="/run") == 2


async def test_the_dashboard_and_the_page_of_series_name_what_is_served(
    nats_server: NatsServer, database_url: str
) -> None:
    async with (
        migrated(database_url),
        serving(nats_server, database_url=database_url) as gateway,
        nats_server.connection() as connection,
    ):
        served = set(await every_series(gateway, connection))
    dashboard = json.loads(DASHBOARD.read_text())
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in SERIES.findall(target["expr"])
    }
    assert asked <= served
    ours = {re.sub("_(bucket|sum|count)$", "", name) for name in served if name.startswith("podium_")}
    described = set(
        re.findall(r"^\| `(podium_[a-z_]+)`", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    )
    assert described == ours
    shown = {re.sub("_(bucket|sum|count)$", "", name) for name in asked if name.startswith("podium_")}
    assert shown == ours


async def test_what_is_away_has_no_series_and_statistics_say_so(nats_server: NatsServer) -> None:
    async with serving(nats_server) as gateway:
        found = await scraped(gateway.client)
        assert value(found, "podium_up", server="postgres") == 0
        assert value(found, "podium_up", server="nats") == 1
        assert "podium_jobs" not in found
        assert "podium_projector_lag_events" not in found
        answer = await gateway.client.get("/stats")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:podium:problem:unavailable")
    async with running("nats://127.0.0.1:1") as (client, _):
        await until_ready(client, 503)
        found = await scraped(client)
        assert value(found, "podium_up", server="nats") == 0
        assert "podium_log_last_sequence" not in found


def job(number: int, *, asked_h: float, waited_s: float | None, dollars: float, **more: Any) -> Any:
    """A job that was asked for so many hours before `NOW`, and started so many seconds after."""
    job_id = f"00000000-0000-7000-8000-{number:012}"
    created = NOW - timedelta(hours=asked_h)
    begun = job_after(*started(job_id), job_id=job_id) if waited_s is not None else job_after(job_id=job_id)
    at = None if waited_s is None else created + timedelta(seconds=waited_s)
    attempts = tuple(msgspec.structs.replace(one, started_at=at, dollars=dollars) for one in begun.attempts)
    return msgspec.structs.replace(begun, created_at=created, started_at=at, attempts=attempts, **more)


def ended(status: str, hours_ago: float) -> dict[str, Any]:
    return {"status": status, "completed_at": NOW - timedelta(hours=hours_ago)}


async def test_statistics_count_what_is_in_the_table(database_url: str) -> None:
    jobs = [
        job(1, asked_h=2, waited_s=None, dollars=0),
        job(2, asked_h=0.5, waited_s=None, dollars=0),
        job(3, asked_h=1, waited_s=10, dollars=0.25),
        job(4, asked_h=3, waited_s=20, dollars=0.5, **ended("success", 0.5)),
        job(5, asked_h=4, waited_s=30, dollars=1, **ended("failed", 2)),
        job(6, asked_h=30, waited_s=60, dollars=2, **ended("cancelled", 23)),
        job(7, asked_h=50, waited_s=900, dollars=4, **ended("success", 25)),
    ]
    async with migrated(database_url) as database:
        rows = [msgspec.structs.astuple(row_of(UUID(one.job_id), one)) for one in jobs]
        await database.copy_records_to_table("jobs", records=rows, columns=Row.__struct_fields__)
    table = JobsTable(database_url)
    await table.open()
    try:
        found = await table.stats(now=NOW, owner=None, room=ROOM)
    finally:
        await table.close()
    assert found == Stats(
        time=NOW,
        queued=2,
        oldest_queued_s=7200,
        running=1,
        retrying=0,
        ended=Ended(success=1, failed=1, cancelled=1),
        ended_last_hour=1,
        ended_per_hour=3 / 24,
        waited=Waited(p50_s=20, p95_s=pytest.approx(29)),
        dollars_last_day=1.75,
        dollars=7.75,
        room=Room(executors=3, draining=1, slots=14, running=4, free=3),
    )


@pytest.mark.parametrize("query", [ALL, BUSY], ids=["all", "busy"])
async def test_statistics_need_not_read_every_row(database_url: str, query: str) -> None:
    async with migrated(database_url) as database:
        # The planner reads a small table whole unless it is told not to: what it does then is what it can do.
        await database.execute("SET enable_seqscan = off")
        plan = await database.fetch(f"EXPLAIN {query}", NOW)
    assert not [row[0] for row in plan if "Seq Scan" in row[0]]
