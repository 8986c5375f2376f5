"""A Kaggle URL goes in: fetched from a local Kaggle, planned with a local Claude, graded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.grading import grade
from tests.e2e.conftest import BUNDLED
from tests.e2e.stack import running
from tests.fakes.anthropic_server import AnthropicServer, Script
from tests.fakes.kaggle_server import Faults, KaggleServer

pytestmark = pytest.mark.alone

BIKES = "hourly-bike-rental-demand"
FILES = ("submission.csv", "metrics.json")
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


def test_a_url_becomes_a_submission_that_a_script_of_the_models_has_made_better(
    home: Path, database_url: str
) -> None:
    script = (Path(__file__).parent / "bikes_solution.py").read_text()
    scripts = iter([Script(text=f"Two kinds of riders.\n```python\n{script}```")])

    def answer(body: dict[str, Any]) -> Script:
        if "format" in body["output_config"]:  # a question on the plan
            return Script(failures=[(400, None)])
        return next(scripts, Script(failures=[(401, None)]))

    with (
        KaggleServer(
            BUNDLED / BIKES / "public", slug=BIKES, metric="Root Mean Squared Logarithmic Error"
        ) as local_kaggle,
        AnthropicServer(answer=answer) as claude,
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
        url = f"https://www.kaggle.com/c/{BIKES}"
        answered = stack.http.post("/run", json={"kaggle_url": url, "budget_s": 130, "submit": True})
        assert answered.status_code == 202
        job = answered.json()["job_id"]
        view = stack.wait_ended(job, timeout_s=128)
        assert view["status"] == "success", view["error"]
        files = {name: stack.http.get(f"/jobs/{job}/files/{name}") for name in FILES}
        calls = [event for event in stack.events(job) if event["type"] == "LlmCallCompleted"]
    assert any("train.csv" in request.path for request in local_kaggle.requests)
    metrics = files["metrics.json"].json()
    assert [each["state"] for each in metrics["attempts"]] == ["accepted", "accepted"], metrics["search"]
    assert "attempt 1" in metrics["submitted"]
    assert view["score"] == metrics["score"]
    assert "gains +" in metrics["attempts"][1]["verdict"]  # on the same folds; there may be fewer in all
    made = {artifact["name"] for artifact in view["artifacts"]}
    assert ("member_1.py" in made) == metrics["submitted"].startswith("mix of ")
    assert len(calls) == 1
    assert [one["content"] for one in local_kaggle.submissions] == [files["submission.csv"].content]
    assert local_kaggle.submissions[0]["description"] == f"Podium job {job}"
    assert view["submission"]["public_score"] == 0.7766
    assert 0 < calls[0]["dollars"] == view["dollars"] < 0.05
    assert grade(BUNDLED / BIKES, files["submission.csv"].content).score < 0.45


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
        asked = {"kaggle_url": URL, "budget_s": 100, "submit": True}  # time for an advice, not for a search
        job = stack.http.post("/run", json=asked).json()["job_id"]
        view = stack.wait_ended(job, timeout_s=110)
        assert view["status"] == "success", view["error"]
        submission = stack.http.get(f"/jobs/{job}/files/submission.csv").content
        plan = stack.http.get(f"/jobs/{job}/files/plan.json").json()
        lines = stack.http.get(f"/jobs/{job}/logs").text
    assert any("train.csv" in request.path for request in local_kaggle.requests)
    assert (len(claude.bodies), plan["folds"]) == (1, 4)
    assert "egress refused" not in lines
    assert [one["content"] for one in local_kaggle.submissions] == [submission]
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
