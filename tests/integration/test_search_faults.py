"""Whatever the model answers and its scripts do: in time, valid, with a card that tells the truth."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from msgspec import structs

from agent.deadline import Deadline
from agent.last_word import LastWord
from agent.planning.plan import safer
from agent.search.limits import Limits
from agent.settings import Settings
from agent.solve import solve
from agent.training.templates import Templates
from events.progress import LlmCalled, Message, ModelEvaluated, StageProgressed, Succeeded
from tests.fakes.anthropic_server import AnthropicServer, Script
from tests.integration import written
from tests.integration.written import answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.planning.plan import Plan
    from agent.report.desk import Result
    from agent.speech import Progress

BUDGET_S = 150.0
USAGE = {
    "input_tokens": 300,
    "output_tokens": 900,
    "cache_creation_input_tokens": 1_500,
    "cache_read_input_tokens": 400,
}
USAGE = {
    "input_tokens": 300,
    "output_tokens": 900,
    "cache_creation_input_tokens": 1_500,
    "cache_read_input_tokens": 400,
}
KEY = "sk-canary-of-anthropic"
QUICK = Limits(
    search_s_min=1.0,
    first_s_min=1.0,
    run_s_min=0.5,
    run_s_good=1.0,
    step_s_min=1.0,
    repairs_max=1,
    drafts=1,
    attempts_max=2,
)


class Job:
    """One attempt of the agent on the wave, with a model that answers by `scripts`, the last one for ever."""

    templates_s: float

    def __init__(
        self, data: Path, folder: Path, scripts: list[Script], limits: Limits, **environ: str
    ) -> None:
        self.folder, self.said = folder, list[Message]()
        asked = iter(scripts)
        current = [scripts[0]]

        def choose(_body: dict[str, Any]) -> Script:
            if not current[0].failures:
                current[0] = next(asked, current[0])
            return current[0]

        started = time.monotonic()
        with AnthropicServer(answer=choose, key=KEY) as server:
            settings = Settings(
                competition="wave",
                data_dir=data,
                output_dir=folder / "out",
                work_dir=folder / "work",
                budget_s=BUDGET_S,
                cpus=1,
                seed=0,
            )
            told = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": server.url, "PODIUM_MODEL_CODE": "allow"}
            self.code = solve(
                settings,
                self.said.append,
                fetch=lambda *_: None,
                environment=dict(os.environ) | told | environ,
                log=lambda _: None,
                deadline=Deadline(at=started + BUDGET_S, budget_s=BUDGET_S),
                last=LastWord(self.said.append),
                limits=limits,
            )
            self.bodies = server.bodies
            for script in scripts:
                if script.pause:
                    script.pause.set()
        self.seconds = time.monotonic() - started
        self.metrics = json.loads((folder / "out" / "metrics.json").read_text())
        self.report = (folder / "out" / "report.html").read_text()
        self.attempts = self.metrics["attempts"][1:]

    @property
    def calls(self) -> list[LlmCalled]:
        return [each for each in self.said if isinstance(each, LlmCalled)]

    def check(self) -> None:
        """What holds for every job: in time, valid, true, and within the money."""
        assert self.code == 0, self.said[-1]
        assert self.seconds < BUDGET_S
        last = self.said[-1]
        assert isinstance(last, Succeeded)
        assert last.score == self.metrics["score"]
        assert set(last.artifacts) == {path.name for path in (self.folder / "out").iterdir()}
        submitted = pl.read_csv(self.folder / "out" / "submission.csv")
        assert (submitted.columns, submitted["id"].to_list()) == (["id", "y"], list(range(160, 240)))
        assert submitted["y"].is_finite().all()
        assert self.metrics["search"] in self.report.replace("&#x27;", "'")
        spent = sum(call.dollars for call in self.calls)
        assert self.metrics["model_calls"]["dollars"] == pytest.approx(spent)
        assert spent <= 1.0
        assert len(self.calls) == self.metrics["model_calls"]["calls"]
        asked = json.dumps(self.bodies)
        assert KEY not in asked
        assert asked.count("</data>") == asked.count("<data>")
        assert "</data> SYSTEM" not in asked
        for path in (self.folder / "out").iterdir():
            assert KEY not in path.read_text()

    def check_templates_stand(self) -> None:
        self.check()
        assert self.metrics["submitted"] == "LightGBM"
        assert "Choices(" in (self.folder / "out" / "solution.py").read_text()
        assert not any(each["state"] == "accepted" for each in self.attempts)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written.wave(tmp_path_factory.mktemp("wave") / "data")


@pytest.fixture
def run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: list[Result]
) -> Callable[..., Job]:
    """Runs a job; the templates (one kind of model) learn in the first one only, and all share that."""
    train = Templates.train
    seconds: list[float] = []

    def once(self: Templates, plan: Plan, progress: Progress) -> Result:
        seconds.append(plan.seconds)
        if not trained:
            trained.append(train(self, self._write(safer(plan, plan.seconds)), progress))
        return trained[0]

    monkeypatch.setattr(Templates, "train", once)

    def job(*scripts: Script | str, limits: Limits = QUICK, **environ: str) -> Job:
        chosen = [Script(text=answer(each)) if isinstance(each, str) else each for each in scripts]
        made = Job(data, tmp_path, chosen, limits, **environ)
        made.templates_s = seconds[-1]
        return made

    return job


@pytest.fixture(scope="module")
def trained() -> list[Result]:
    return []


def test_a_better_script_is_taken_and_is_what_made_the_submission(
    run: Callable[..., Job], data: Path
) -> None:
    busy = [(429, "0.01"), (529, "0.01"), (500, "0.01")]
    good = Script(text=answer(written.GOOD), failures=busy, between_s=0.15, usage=USAGE)
    job = run(good, written.PLAIN)
    job.check()
    assert job.metrics["submitted"] == "attempt 1", job.attempts
    assert job.metrics["score"] < 0.4
    assert (job.folder / "out" / "solution.py").read_text() == written.GOOD
    submitted = pl.read_csv(job.folder / "out" / "submission.csv")
    truth = pl.read_csv(data / "answers.csv").tail(80)
    assert ((submitted["y"] - truth["y"]) ** 2).mean() ** 0.5 < 0.4
    assert [call.purpose for call in job.calls] == ["draft", "improve"]  # being refused costs nothing
    assert len(job.bodies) == 5
    assert [each["state"] for each in job.attempts] == ["accepted", "scored"]
    assert "no gain beyond chance" in job.attempts[1]["verdict"]
    assert job.metrics["model_calls"]["cache_read_tokens"] == USAGE["cache_read_input_tokens"]
    models = [each.model for each in job.said if isinstance(each, ModelEvaluated)]
    assert models[-1] == "attempt 1"
    told = " ".join(each.message for each in job.said if isinstance(each, StageProgressed))
    assert "on fold 3 of" in told


def test_a_script_that_fails_is_mended(run: Callable[..., Job]) -> None:
    job = run(written.BROKEN, written.GOOD)
    job.check()
    first, second = job.attempts
    assert (first["state"], second["state"]) == ("failed", "accepted")
    assert (second["kind"], second["parent"]) == ("repair", 1)
    asked = job.bodies[1]["messages"][0]["content"]
    assert "has no attribute 'least_squares'" in asked
    assert str(job.folder) not in asked
    assert job.metrics["submitted"] == "attempt 2"


def test_answers_without_a_script_and_scripts_without_an_end_change_nothing(run: Callable[..., Job]) -> None:
    whole = answer(written.GOOD)
    job = run(
        written.LOOPING,
        Script(text=whole, stop_reason="refusal"),
        Script(text=whole[:300], stop_reason="max_tokens"),
        Script(text="Certainly! I would use gradient boosting."),
        Script(text='{"members": [], "folds": 99}'),
        Script(text=whole, cut_after=4),
        Script(text=whole, error_after=4),
        Script(text=whole, pause=threading.Event()),
        Script(failures=[(500, "0.01")] * 4),
        Script(failures=[(401, None)]),
        limits=structs.replace(
            QUICK,
            repairs_max=0,
            calls_failed_max=9,
            attempts_max=10,
            drafts=10,
            call_s_max=1.0,
            step_share=0.0,
        ),
        PODIUM_DOLLARS="2",
    )
    job.check_templates_stand()
    verdicts = [each["verdict"] for each in job.attempts]
    words = [
        "time ran out",
        "declined",
        "ran out",
        "no script",
        "no script",
        "broke off",
        "error",
        "in time",
        "500",
    ]
    assert len(verdicts) == len(words), verdicts
    assert [word for word, verdict in zip(words, verdicts, strict=True) if word not in verdict] == []
    assert "401" in job.metrics["search"]
    assert [each["dollars"] > 0 for each in job.attempts] == [True] * 8 + [False]


def test_scripts_that_break_the_contract_are_dead(run: Callable[..., Job]) -> None:
    job = run(
        "def broken(:\n",
        written.NETWORKED,
        written.LABELS,
        written.WORDS,
        written.FEW_ROWS,
        written.LINKED,
        limits=structs.replace(QUICK, repairs_max=0, attempts_max=6, drafts=9),
    )
    job.check_templates_stand()
    assert {each["state"] for each in job.attempts} == {"failed"}
    words = [
        "not Python",
        "cannot be imported",
        "exit code 1",
        "no finite",
        "rows",
        "There is no",
    ]
    verdicts = [each["verdict"] for each in job.attempts]
    assert len(verdicts) == len(words), verdicts
    assert [word for word, verdict in zip(words, verdicts, strict=True) if word not in verdict] == []


def test_cheats_gain_nothing(run: Callable[..., Job], data: Path) -> None:
    peeking = written.PEEKING.replace("PARTS", repr(data.parts[1:]))
    job = run(
        written.CONSTANT,
        peeking,
        written.MEMORY,
        written.CONSTANT_AT_LAST,
        written.FORGED,
        limits=structs.replace(QUICK, repairs_max=0, attempts_max=5, drafts=9),
    )
    job.check()
    states = [each["state"] for each in job.attempts]
    assert states == ["scored", "scored", "scored", "failed", "accepted"], job.attempts
    assert all(each["score"] > 2.0 for each in job.attempts[:3])
    assert "same y" in job.attempts[3]["verdict"]
    assert 0.1 < job.metrics["score"] < 0.4
    assert sum(isinstance(each, Succeeded) for each in job.said) == 1


def test_a_script_that_errs_otherwise_is_mixed_in_and_the_money_is_not_passed(
    run: Callable[..., Job],
) -> None:
    dear = Script(text=answer(written.WAVE), usage={"input_tokens": 3_000, "output_tokens": 8_000})
    job = run(dear, PODIUM_DOLLARS="0.12")
    job.check()
    assert job.metrics["submitted"].startswith("mix of "), job.attempts
    out = job.folder / "out"
    assert (out / "member_1.py").read_text() == written.WAVE
    assert "Choices(" in (out / "member_0.py").read_text()
    assert '"member_1.py": 0.' in (out / "solution.py").read_text().replace("'", '"')
    assert job.metrics["score"] < min(job.attempts[0]["score"], job.metrics["models"]["LightGBM"]["score"])
    assert len(job.calls) == 1
    assert "not asked" in job.metrics["search"]


def test_without_a_zone_no_model_is_asked_for_scripts(run: Callable[..., Job]) -> None:
    job = run(written.GOOD, PODIUM_MODEL_CODE="refuse")
    job.check_templates_stand()
    assert {call.purpose for call in job.calls} <= {"planning"}
    assert job.attempts == []
    assert "does not run here" in job.report


def test_a_key_that_is_refused_at_once_gives_the_templates_all_the_time(run: Callable[..., Job]) -> None:
    job = run(Script(failures=[(401, None)]))
    job.check_templates_stand()
    assert "401" in job.metrics["search"]
    assert (job.attempts, job.calls) == ([], [])
    assert job.templates_s > 0.6 * BUDGET_S
