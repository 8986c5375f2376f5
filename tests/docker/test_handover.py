"""An upgrade of an executor: the old one leaves its container, and the new one goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from events.catalogue import AttemptStarted, AttemptSucceeded, ModelEvaluated, StageStarted
from events.jetstream import JetStreamLog, ensure_stream
from services.artifacts import ensure_bucket
from tests.docker.killable import Killable
from tests.unit.executor.stage import schedule, until

if TYPE_CHECKING:
    from pathlib import Path

    from aiodocker import Docker

    from tests.servers import NatsServer

pytestmark = pytest.mark.docker

BODY = "say('stage_started', stage='training'); wait_for('/data/go'); model('m'); succeed()"


async def test_an_attempt_outlives_its_executor_and_its_executors_image(
    docker: Docker, scripted_image: str, nats_server: NatsServer, tmp_path: Path
) -> None:
    job_id, repository = uuid4().hex, f"podium-handover-{uuid4().hex[:8]}"
    executor = Killable(tmp_path, nats_server.url, scripted_image)
    executor.set(PODIUM_DRAIN_S="0.1")
    folder = executor.competition("handed", BODY)
    await docker.images.tag(scripted_image, repository, tag="next")
    try:
        async with nats_server.connection() as client:
            await ensure_stream(client.jetstream())
            await ensure_bucket(client.jetstream())
            log = JetStreamLog(client, source="test")
            await schedule(log, job_id, competition="handed")
            await executor.start()
            before = await until(log, job_id, StageStarted)
            await executor.stop()
            left = await docker.containers.container(f"podium-{job_id}-1").show()
            (folder / "go").touch()
            executor.set(PODIUM_AGENT_IMAGE=f"{repository}:next", PODIUM_DRAIN_S="0")
            await executor.start()
            try:
                events = await until(log, job_id, AttemptSucceeded)
            finally:
                await executor.stop()
    finally:
        await docker.images.delete(f"{repository}:next")
    assert left["State"]["Running"]
    assert events[: len(before)] == before
    (started,) = [event for event in events if isinstance(event, AttemptStarted)]
    assert started.image == scripted_image
    assert sum(isinstance(event, ModelEvaluated) for event in events) == 1
    said = executor.said()
    assert [said.count(f'"event":"{what}"') for what in ("draining", "handed_over", "adopted")] == [1, 1, 1]
