"""Whole jobs whose generated scripts are attacks, one after the other: each ends in time, and honestly."""

from __future__ import annotations

import asyncio
import csv
import io
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from events.catalogue import AttemptFailed, AttemptStarted, AttemptSucceeded, ModelEvaluated
from events.jetstream import JetStreamLog, ensure_stream
from services.artifacts import ArtifactStore, ensure_bucket
from tests.docker.conftest import AGENT_IMAGE
from tests.docker.test_adoption import Killable, containers, volumes
from tests.secrecy import all_stored
from tests.unit.executor.stage import schedule, until

if TYPE_CHECKING:
    from aiodocker import Docker

    from events.catalogue import Event
    from tests.servers import NatsServer

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
COMPETITION = ROOT / "competitions" / "titanic-passenger-survival" / "public"
JOBS = {"spy-hang": (b"HELD environ of", b"here to stay"), "files-hog": (b"HELD sparse giant", b"eating")}
"""The attacks of each job, and what shows that they ran: the second is the simpler script, tried next."""
SECRETS = {"ANTHROPIC_API_KEY": "canary-of-anthropic", "KAGGLE_KEY": "canary-of-kaggle"}
BUDGET_S = 30
ENDS_WITHIN_S = BUDGET_S + 30

HOSTILE = """
import os, runpy
from pathlib import Path
from agent.codegen import solution
attacks = iter(os.environ["PODIUM_COMPETITION"].split("-"))
solution.write_solution = lambda brief, plan: Path("/attacks", next(attacks) + ".py").read_text()
runpy.run_module("agent", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
async def hostile_image(docker: Docker) -> str:
    """The agent's image, but codegen writes the attacks that the competition is named after."""
    name = "podium-agent-hostile:test"
    files = {
        "Dockerfile": (
            f"FROM {AGENT_IMAGE}\nCOPY attacks /attacks\nCOPY hostile.py /hostile.py\n"
            'ENV PYTHONPATH=/app\nENTRYPOINT ["/opt/venv/bin/python", "-P", "/hostile.py"]\n'
        ).encode(),
        "hostile.py": HOSTILE.encode(),
    } | {
        f"attacks/{attack}.py": (ROOT / "tests/attacks" / f"{attack}.py").read_bytes()
        for attack in "-".join(JOBS).split("-")
    }
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    context.seek(0)
    await docker.images.build(fileobj=context, encoding="identity", tag=name)
    return name


async def test_a_job_whose_script_attacks_ends_in_time_with_an_honest_answer_and_tells_no_secret(
    docker: Docker, hostile_image: str, nats_server: NatsServer, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    executor = Killable(tmp_path, nats_server.url, hostile_image)
    executor.set(
        **SECRETS,
        ANTHROPIC_BASE_URL="http://127.0.0.1:9",
        KAGGLE_USERNAME="somebody",
        PODIUM_CPUS="2",
        PODIUM_MEMORY_BYTES=str(2**30),
        PODIUM_BUDGET_S=str(BUDGET_S),
        PODIUM_SLOTS="2",
    )
    jobs = {attacks: uuid4().hex for attacks in JOBS}
    async with nats_server.connection() as connection:
        await ensure_stream(connection.jetstream())
        await ensure_bucket(connection.jetstream())
        log = JetStreamLog(connection, source="test")
        for attacks, job_id in jobs.items():
            shutil.copytree(COMPETITION, tmp_path / "competitions" / attacks / "public")
            await schedule(log, job_id, competition=attacks)
        await executor.start()
        try:
            for attacks, job_id in jobs.items():
                events = await until(log, job_id, over, timeout_s=ENDS_WITHIN_S + 30)
                times = {type(record.event): record.time for record in await log.read_job(job_id)}
                seconds = (times[type(events[-1])] - times[AttemptStarted]).total_seconds()
                assert seconds < ENDS_WITHIN_S, attacks
                assert_honest(attacks, events)
                await assert_answers(ArtifactStore(connection.jetstream()), events)
            async with asyncio.timeout(20):
                while [name for name in await left(docker) for job_id in jobs.values() if job_id in name]:
                    await asyncio.sleep(0.1)
        finally:
            await executor.stop()
        stored = await all_stored(connection)
    for ran in JOBS.values():
        assert [words for words in ran if words not in stored["LOGS"]] == []
    assert b"BROKE" not in stored["LOGS"]
    for secret in SECRETS.values():
        assert not [name for name, text in stored.items() if secret.encode() in text]
        assert secret not in executor.said()


async def left(docker: Docker) -> set[str]:
    return await containers(docker) | await volumes(docker)


def over(events: list[Event]) -> bool:
    return isinstance(events[-1], (AttemptSucceeded, AttemptFailed))


def assert_honest(attack: str, events: list[Event]) -> None:
    """No score is told but that of the constant answer, and none of it is an attack's own."""
    assert isinstance(events[-1], AttemptSucceeded), (attack, events[-1])
    models = {event.model for event in events if isinstance(event, ModelEvaluated)}
    assert models <= {"constant"}, attack
    assert 0.5 <= events[-1].score < 0.9, attack


async def assert_answers(store: ArtifactStore, events: list[Event]) -> None:
    """The submission has one valid row for each that was asked for, all with the same answer."""
    last = events[-1]
    assert isinstance(last, AttemptSucceeded)
    assert last.artifacts[0].name == "submission.csv"
    rows = list(csv.reader(io.StringIO((await store.get(last.artifacts[0])).decode())))
    sample = list(csv.reader(io.StringIO((COMPETITION / "gender_submission.csv").read_text())))
    assert rows[0] == sample[0]
    assert [row[0] for row in rows] == [row[0] for row in sample]
    assert len({row[1] for row in rows[1:]}) == 1
