"""An agent that tells its key to everybody is heard by nobody: not by the log, a line, an artifact or us."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from events.catalogue import AttemptSucceeded
from events.jetstream import JetStreamLog, ensure_stream
from services.artifacts import ArtifactStore, ensure_bucket
from services.executor.collection import LOG
from services.executor.loop import Executor
from services.logstream import LogLines, ensure_log_stream
from tests.secrecy import CANARY, TELLING, all_stored
from tests.servers import NatsServer
from tests.unit.executor.stage import agent, process_runtime, running_here, schedule, settings, until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_no_secret_leaves_a_process(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    server, job_id = NatsServer(tmp_path), uuid4().hex
    server.start()
    given = settings(tmp_path, model_variables={"ANTHROPIC_API_KEY": CANARY})
    runtime = process_runtime(given, agent(tmp_path, TELLING))
    async with server.connection() as connection:
        js = connection.jetstream()
        await ensure_stream(js)
        await ensure_bucket(js)
        await ensure_log_stream(js, bytes_max=2**20, days=1)
        log = JetStreamLog(connection, source="test")
        await schedule(log, job_id)
        executor = Executor(log, runtime, ArtifactStore(js), given, lines=LogLines(connection))
        async with running_here(executor):
            succeeded = (await until(log, job_id, AttemptSucceeded))[-1]
        stored = await all_stored(connection)
    server.kill()
    assert isinstance(succeeded, AttemptSucceeded)
    assert [artifact.name for artifact in succeeded.artifacts] == ["submission.csv", "plan.json", LOG]
    assert set(stored) == {"JOBS", "LOGS", "OBJ_artifacts"}
    assert b"told" in stored["LOGS"]
    assert b"with [secret]" in stored["JOBS"]
    assert not [name for name, text in stored.items() if CANARY.encode() in text]
    out, err = capfd.readouterr()
    assert "attempt_succeeded" in out + err
    assert CANARY not in out + err
