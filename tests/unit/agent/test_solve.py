"""A whole attempt, from files to artifacts, and what is left when a part of it fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from agent.analysis.tables import read_table, sniff
from agent.codegen import solution
from agent.deadline import Deadline
from agent.errors import CompetitionError
from agent.last_word import LastWord
from agent.report.artifacts import ARTIFACTS
from agent.settings import Settings
from agent.solve import solve
from events.progress import (
    NONCE_VARIABLE,
    STAGES,
    Failed,
    Message,
    ModelEvaluated,
    StageCompleted,
    StageProgressed,
    StageStarted,
    Succeeded,
    decode_line,
)
from services.bubblewrap import bwrap_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.brief import Brief
    from agent.planning.plan import Plan

ROOT = Path(__file__).parents[3]


def public(slug: str) -> Path:
    for base in (ROOT / "competitions", ROOT.parent / "shared" / "competitions"):
        if (base / slug / "public").is_dir():
            return base / slug / "public"
    pytest.skip(f"the competition {slug} is not here")


def settings(tmp_path: Path, data_dir: Path | None, **changes: object) -> Settings:
    fields: dict[str, object] = {
        "competition": "made-up",
        "data_dir": data_dir,
        "output_dir": tmp_path / "out",
        "work_dir": tmp_path / "work",
        "budget_s": 40.0,
        "cpus": 1,
        "seed": 0,
    }
    return Settings(**(fields | changes))  # type: ignore[arg-type]


def no_fetch(_data_dir: Path, _progress: Callable[[float, str], None]) -> str | None:
    raise AssertionError("the files are here")


def attempt(chosen: Settings, fetch: Callable[..., str | None] = no_fetch) -> tuple[int, list[Message]]:
    said: list[Message] = []
    code = solve(
        chosen,
        said.append,
        fetch=fetch,
        environment=os.environ | ({"PODIUM_BWRAP": str(bwrap)} if (bwrap := bwrap_path()) else {}),
        log=lambda _: None,
        deadline=Deadline(at=time.monotonic() + chosen.budget_s, budget_s=chosen.budget_s),
        last=LastWord(said.append),
    )
    return code, said


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """A tiny competition: y is nearly 3x + 2, scored by RMSE."""
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 10, size=240)
    y = 3 * x + 2 + rng.normal(scale=0.3, size=240)
    train = pl.DataFrame({"id": range(160), "x": x[:160], "noise": rng.normal(size=160), "y": y[:160]})
    test = pl.DataFrame({"id": range(160, 240), "x": x[160:], "noise": rng.normal(size=80)})
    train.write_csv(folder / "train.csv")
    test.write_csv(folder / "test.csv")
    test.select("id", pl.lit(0.0).alias("y")).write_csv(folder / "sample_submission.csv")
    (folder / "description.md").write_text("## Evaluation\nScored by root mean squared error (RMSE).\n")
    return folder


@pytest.mark.alone
def test_a_competition_is_solved_from_files_to_report(tmp_path: Path, line: Path) -> None:
    code, said = attempt(settings(tmp_path, line))
    assert code == 0, said[-1]
    last = said[-1]
    assert isinstance(last, Succeeded)
    assert (last.metric, last.task) == ("rmse", "regression")
    assert last.score < 2.0  # the target's own spread is about 8.7
    assert last.artifacts == ARTIFACTS
    assert all((tmp_path / "out" / name).is_file() for name in ARTIFACTS)
    assert [each.stage for each in said if isinstance(each, StageStarted)] == list(STAGES)
    assert [each.stage for each in said if isinstance(each, StageCompleted)] == list(STAGES)
    for stage in STAGES:
        fractions = [
            each.fraction for each in said if isinstance(each, StageProgressed) and each.stage == stage
        ]
        assert fractions == sorted(fractions)
        assert 0 <= fractions[0] <= fractions[-1] <= 1
    models = [each.model for each in said if isinstance(each, ModelEvaluated)]
    trees, others = (
        ["LightGBM", "RandomSplits", "XGBoost"],
        ["Linear", "Kernel", "Network", "ExtraTrees", "Neighbours"],
    )
    assert models[: len(trees + others)] == [*trees, *others]
    assert models[-1] == "blend"
    assert set(models[len(trees + others) : -1]) <= {"LargeTrees", "SmallTrees"}  # if there is time
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["score"] == last.score
    assert metrics["warnings"] == []


def test_a_script_that_fails_is_replaced_by_a_simpler_one(
    tmp_path: Path, line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_solutions(monkeypatch, first_only=True)
    code, said = attempt(settings(tmp_path, line))
    assert code == 0, said[-1]
    assert [each.model for each in said if isinstance(each, ModelEvaluated)] == ["LightGBM"]
    assert "simpler" in (tmp_path / "out" / "report.html").read_text()
    assert json.loads((tmp_path / "out" / "plan.json").read_text())["members"] == ["LightGBM"]


def test_without_any_script_a_valid_constant_is_left_and_called_so(
    tmp_path: Path, line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_solutions(monkeypatch, first_only=False)
    code, said = attempt(settings(tmp_path, line))
    assert code == 0
    last = said[-1]
    assert isinstance(last, Succeeded)
    assert last.score > 5.0
    assert "solution.py" not in last.artifacts  # none made the submission
    assert set(last.artifacts) == {path.name for path in (tmp_path / "out").iterdir()}
    assert [each.model for each in said if isinstance(each, ModelEvaluated)] == ["constant"]
    assert "no model was learnt" in (tmp_path / "out" / "report.html").read_text()
    submitted = pl.read_csv(tmp_path / "out" / "submission.csv")
    assert (submitted.height, submitted["y"].n_unique()) == (80, 1)


def break_solutions(monkeypatch: pytest.MonkeyPatch, *, first_only: bool) -> None:
    """Make the script that the pipeline runs end with an error before it has written anything."""
    write = solution.write_solution
    written: list[Plan] = []

    def broken(brief: Brief, plan: Plan) -> str:
        text = write(brief, plan)
        written.append(plan)
        return text if first_only and len(written) > 1 else "raise SystemExit('broken on purpose')\n"

    monkeypatch.setattr(solution, "write_solution", broken)


def test_without_files_they_are_fetched_and_a_refusal_is_the_last_word(tmp_path: Path) -> None:
    asked: list[Path] = []

    def refuse(data_dir: Path, _progress: Callable[[float, str], None]) -> str | None:
        asked.append(data_dir)
        raise CompetitionError("rules_not_accepted", "Accept the rules first.", retryable=False)

    code, said = attempt(settings(tmp_path, None), refuse)
    assert code == 1
    assert asked == [tmp_path / "work" / "data"]
    assert said[-1] == Failed(reason="rules_not_accepted", message="Accept the rules first.", retryable=False)


NONCE = "of this attempt alone"


def agent_process(tmp_path: Path, data_dir: Path, **more: str) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.environ["PATH"],
        "PODIUM_COMPETITION": "titanic-passenger-survival",
        "PODIUM_DATA_DIR": str(data_dir),
        "PODIUM_OUTPUT_DIR": str(tmp_path / "out"),
        "PODIUM_WORK_DIR": str(tmp_path / "work"),
        "PODIUM_BUDGET_S": "30",
        NONCE_VARIABLE: NONCE,
        **more,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "agent"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_the_process_speaks_only_messages_and_leaves_a_valid_submission(tmp_path: Path) -> None:
    data_dir = public("titanic-passenger-survival")
    process = agent_process(tmp_path, data_dir)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err.decode()
    spoken = [decode_line(each + b"\n", nonce=NONCE) for each in out.splitlines()]
    said = [each.message for each in spoken if each is not None]
    assert [each.number for each in spoken if each is not None] == list(range(1, len(spoken) + 1))
    last = said[-1]
    assert isinstance(last, Succeeded)
    assert last.score > 0.78
    assert said[0] == StageStarted(stage="analysis")
    submitted = pl.read_csv(tmp_path / "out" / "submission.csv", infer_schema=False)
    sample = data_dir / "gender_submission.csv"
    known = read_table(sample, sniff(sample), text=True)
    assert submitted.columns == ["PassengerId", "Survived"]
    assert submitted["PassengerId"].to_list() == known["PassengerId"].to_list()
    assert set(submitted["Survived"]) == {"0", "1"}


def test_a_termination_stops_the_script_too(tmp_path: Path) -> None:
    process = agent_process(tmp_path, public("titanic-passenger-survival"))
    assert process.stdout is not None
    for each in process.stdout:
        said = decode_line(each, nonce=NONCE)
        assert said is not None
        if isinstance(said.message, StageProgressed) and "LightGBM" in said.message.message:
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    mark = str(tmp_path / "out" / "solution.py").encode()
    for _ in range(40):
        if not any(mark in command for command in command_lines()):
            return
        time.sleep(0.05)
    pytest.fail("solution.py still runs")


def command_lines() -> list[bytes]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes())
        except OSError:
            continue
    return lines


def test_wrong_settings_are_a_failure_with_a_reason(tmp_path: Path) -> None:
    process = agent_process(tmp_path, tmp_path, PODIUM_BUDGET_S="soon")
    out, _ = process.communicate(timeout=60)
    said = decode_line(out, nonce=NONCE)
    assert process.returncode == 1
    assert said is not None
    assert isinstance(said.message, Failed)
    assert (said.message.reason, said.message.retryable) == ("settings_invalid", False)
