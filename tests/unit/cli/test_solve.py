"""One attempt without any service: what the agent says becomes events, and its last word the outcome."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from cli.commands.solve import LocalAttempt, Request, solve
from cli.spoken import end_of, event_of
from events import catalogue as ev
from events import progress
from events.job import fold
from podium.errors import PodiumError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from events.recorded import Recorded

SCORE = {"metric": "rmse", "maximize": False, "score": 1.5, "fold_scores": (1.0, 2.0)}


def test_what_an_agent_says_is_told_as_an_executor_would() -> None:
    said = progress.StageProgressed(stage="training", fraction=0.5, message="half")
    assert event_of(said, job_id="j") == ev.StageProgressed(
        job_id="j", attempt=1, stage="training", fraction=0.5, message="half"
    )
    scored = progress.ModelEvaluated(model="blend", **SCORE)
    assert event_of(scored, job_id="j") == ev.ModelEvaluated(job_id="j", attempt=1, model="blend", **SCORE)
    artifact = ev.Artifact(name="submission.csv", key="submission.csv", bytes=3, sha256="")
    done = progress.Succeeded(competition="c", task="regression", artifacts=("submission.csv",), **SCORE)
    event = event_of(done, job_id="j", artifacts=[artifact])
    assert isinstance(event, ev.AttemptSucceeded)
    assert (event.artifacts, event.score) == ((artifact,), 1.5)
    assert end_of(done, job_id="j") == ev.JobSucceeded(job_id="j", attempt=1)
    failed = progress.Failed(reason="no_files", message="None.", retryable=False)
    assert end_of(failed, job_id="j") == ev.JobFailed(job_id="j", reason="no_files", message="None.")


async def test_an_attempt_that_fails_is_a_job_that_failed(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("id,y\n1,2\n")
    request = Request(competition="made-up", data_dir=tmp_path, output_dir=tmp_path, budget_s=20, dollars=0.0)
    attempt = LocalAttempt(request)
    records: list[Recorded] = []
    async with aclosing(attempt.records()) as happening:
        records = [record async for record in happening]
    assert isinstance(attempt.last, progress.Failed)
    job = fold(records)
    assert job is not None
    assert job.status == "failed"
    assert [record.sequence for record in records] == list(range(1, len(records) + 1))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [(["nowhere"], UsageError), ([".", "--budget", "5s"], UsageError)],
)
def test_wrong_usage_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], error: type[PodiumError]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(CliRunner().invoke(solve, arguments).exception, error)
    assert list(tmp_path.iterdir()) == []
