"""A job's log over HTTP, and a gateway that only shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from events import catalogue as ev
from podium.client import Client
from services.gateway.job_id import new_job_id
from tests.integration.gateway_serving import TITANIC, serving, started

if TYPE_CHECKING:
    from tests.servers import NatsServer


async def test_the_log_of_a_job_is_all_of_its_events_a_line_each(nats_server: NatsServer) -> None:
    async with serving(nats_server) as gateway:
        job_id = await gateway.submit()
        late = ev.StageStarted(job_id=job_id, attempt=1, stage="analysis")
        await gateway.write(*started(job_id), ev.JobCancelled(job_id=job_id), late)
        records = await gateway.log.read_job(job_id)
        answer = await gateway.client.get(f"/jobs/{job_id}/log")
        assert answer.headers["Content-Type"].startswith("application/x-ndjson")
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert [line["sequence"] for line in lines] == [record.sequence for record in records]
        assert lines[-1]["type"] == lines[-1]["data"]["type"] == "StageStarted"
        assert lines[-1] | {"data": None, "time": None} == {
            "sequence": records[-1].sequence,
            "id": records[-1].event_id,
            "time": None,
            "source": "test",
            "type": "StageStarted",
            "data": None,
        }
        async with Client(str(gateway.client.base_url)) as client:
            assert await client.log(job_id) == records
        assert (await gateway.client.get(f"/jobs/{new_job_id()}/log")).status_code == 404


async def test_a_gateway_that_only_shows_appends_nothing(nats_server: NatsServer) -> None:
    async with serving(nats_server) as gateway, serving(nats_server, read_only=True) as showing:
        job_id = await gateway.submit()
        before = await gateway.parts.link.last_sequence()
        for answer in (
            await showing.client.post("/run", json=TITANIC),
            await showing.client.delete(f"/jobs/{job_id}"),
        ):
            assert (answer.status_code, answer.json()["type"]) == (403, "urn:podium:problem:read-only")
        assert (await showing.client.get(f"/status/{job_id}")).json()["status"] == "queued"
        assert await gateway.parts.link.last_sequence() == before
