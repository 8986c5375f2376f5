"""A job whose events are in a file: still there to ask for, and plain about where its history is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from events import catalogue as ev
from events import subjects
from events.job import fold
from podium.client import Client
from podium.errors import UsageError
from tests.integration.gateway_serving import TITANIC, Gateway, serving, started

if TYPE_CHECKING:
    from tests.servers import NatsServer


async def archive(gateway: Gateway, nats_server: NatsServer, job_id: str) -> None:
    """As `podium archive` leaves it in the log."""
    await gateway.write(*started(job_id), ev.JobCancelled(job_id=job_id))
    records = await gateway.log.read_job(job_id)
    job = fold(records)
    assert job is not None
    mark = ev.JobArchived(job_id=job_id, file="a.ndjson.zst", sha256="aa", events=len(records), job=job)
    sequence = await gateway.write(mark)
    async with nats_server.connection() as connection:
        await connection.jsm().purge_stream(subjects.STREAM, seq=sequence, subject=subjects.of_job(job_id))


async def test_an_archived_job_answers_and_says_where_its_events_are(nats_server: NatsServer) -> None:
    async with serving(nats_server) as gateway:
        key = {"Idempotency-Key": str(uuid4())}
        asked = await gateway.client.post("/run", json=TITANIC, headers=key)
        job_id = asked.json()["job_id"]
        await archive(gateway, nats_server, job_id)
        view = (await gateway.client.get(f"/jobs/{job_id}")).json()
        assert (view["status"], len(view["attempts"])) == ("cancelled", 1)
        assert (view["archive"]["file"], view["archive"]["events"]) == ("a.ndjson.zst", 4)
        for path in (f"/jobs/{job_id}/events", f"/jobs/{job_id}/log", f"/jobs/{job_id}?at=1"):
            gone = await gateway.client.get(path)
            problem = gone.json()
            assert (gone.status_code, problem["type"]) == (410, "urn:podium:problem:archived"), path
            assert (problem["file"], problem["sha256"], problem["events"]) == ("a.ndjson.zst", "aa", 4)
        assert (await gateway.client.delete(f"/jobs/{job_id}")).status_code == 409
        again = await gateway.client.post("/run", json=TITANIC, headers=key)
        assert (again.json(), again.headers["Idempotency-Replayed"]) == (asked.json(), "true")
        other = await gateway.client.post("/run", json=TITANIC | {"priority": "high"}, headers=key)
        assert other.status_code == 422
        request = await gateway.parts.link.request_of(job_id)
        assert request is not None
        assert request.kaggle_url == TITANIC["kaggle_url"], "whose it is can still be told"
        async with Client(str(gateway.client.base_url)) as client:
            with pytest.raises(UsageError, match=r"podium replay .* --file a\.ndjson\.zst"):
                await client.log(job_id)
            with pytest.raises(UsageError, match="events of this job were archived"):
                await anext(client.events(job_id))
