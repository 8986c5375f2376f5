"""A Kaggle URL goes in: fetched from a local Kaggle, planned with a local Claude, graded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.grading import grade
from tests.e2e.conftest import BUNDLED
from tests.e2e.stack import running
from tests.fakes.anthropic_server import AnthropicServer, Script
from tests.fakes.kaggle_server import Faults, KaggleServer

if TYPE_CHECKING:
    from pathlib import Path

SLUG = "titanic-passenger-survival"
URL = f"https://www.kaggle.com/c/{SLUG}"
ADVICE = {
    "members": ["LightGBM", "XGBoost"],
    "folds": 4,
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 10,
    "max_depth": 4,
    "feature_fraction": 0.8,
    "lambda_l2": 1.0,
    "drop": [],
    "rationale": "Few rows: small trees.",
}


def kaggle(**faults: bool) -> KaggleServer:
    return KaggleServer(
        BUNDLED / SLUG / "public", slug=SLUG, metric="Categorization Accuracy", faults=Faults(**faults)
    )


def test_a_url_becomes_a_graded_submission(home: Path, database_url: str) -> None:
    with (
        kaggle() as local_kaggle,
        AnthropicServer(Script(text=json.dumps(ADVICE))) as claude,
        running(
            home,
            database_url,
            PODIUM_RUNTIME="process",
            KAGGLE_API_ENDPOINT=local_kaggle.url,
            KAGGLE_USERNAME="someone",
            KAGGLE_KEY="a-key",
            ANTHROPIC_BASE_URL=claude.url,
            ANTHROPIC_API_KEY="sk-test",
        ) as stack,
    ):
        answer = stack.http.post("/run", json={"kaggle_url": URL, "budget_s": 120})
        assert answer.status_code == 202
        job = answer.json()["job_id"]
        view = stack.wait_ended(job, timeout_s=110)
        assert view["status"] == "success", view["error"]
        assert view["metric"] == "accuracy"
        submission = stack.http.get(f"/jobs/{job}/files/submission.csv").content
        plan = stack.http.get(f"/jobs/{job}/files/plan.json").json()
        calls = [event for event in stack.events(job) if event["type"] == "LlmCallCompleted"]
    assert any("train.csv" in request.path for request in local_kaggle.requests)
    assert len(claude.bodies) == len(calls) == 1
    assert plan["folds"] == 4
    assert 0 < calls[0]["dollars"] == view["dollars"] < 0.05
    graded = grade(BUNDLED / SLUG, submission)
    assert graded.score > 0.72


@pytest.mark.docker
def test_a_container_without_a_network_does_the_same_through_its_executor(
    home: Path, database_url: str, docker_image: str
) -> None:
    with (
        kaggle() as local_kaggle,
        AnthropicServer(Script(text=json.dumps(ADVICE))) as claude,
        running(
            home,
            database_url,
            PODIUM_RUNTIME="docker",
            PODIUM_AGENT_IMAGE=docker_image,
            PODIUM_EXECUTOR_ID="e2e-egress",
            KAGGLE_API_ENDPOINT=local_kaggle.url,
            KAGGLE_USERNAME="someone",
            KAGGLE_KEY="a-key",
            ANTHROPIC_BASE_URL=claude.url,
            ANTHROPIC_API_KEY="sk-test",
        ) as stack,
    ):
        job = stack.http.post("/run", json={"kaggle_url": URL, "budget_s": 120}).json()["job_id"]
        view = stack.wait_ended(job, timeout_s=110)
        assert view["status"] == "success", view["error"]
        submission = stack.http.get(f"/jobs/{job}/files/submission.csv").content
        plan = stack.http.get(f"/jobs/{job}/files/plan.json").json()
        lines = stack.http.get(f"/jobs/{job}/logs").text
    assert any("train.csv" in request.path for request in local_kaggle.requests)
    assert (len(claude.bodies), plan["folds"]) == (1, 4)
    assert "egress refused" not in lines
    assert grade(BUNDLED / SLUG, submission).score > 0.72


def test_rules_that_were_not_accepted_end_the_job_at_once_and_name_the_page(
    home: Path, database_url: str
) -> None:
    with (
        kaggle(rules_accepted=False) as local_kaggle,
        running(
            home,
            database_url,
            PODIUM_RUNTIME="process",
            KAGGLE_API_ENDPOINT=local_kaggle.url,
            KAGGLE_USERNAME="someone",
            KAGGLE_KEY="a-key",
        ) as stack,
    ):
        job = stack.http.post("/run", json={"kaggle_url": URL}).json()["job_id"]
        view = stack.wait_ended(job, timeout_s=60)
    assert (view["status"], view["error"]["reason"], view["attempt"]) == ("failed", "rules_not_accepted", 1)
    assert f"https://www.kaggle.com/competitions/{SLUG}/rules" in view["error"]["message"]
