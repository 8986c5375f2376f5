"""Settings, and what an attempt is given because of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from events.job import Failure, Job, fold
from events.memory import MemoryLog
from services.environment import Environment, SettingError
from services.executor.collection import wanted
from services.executor.runtime import Facts, SandboxSpec
from services.executor.settings import read
from services.executor.specification import specify
from tests.unit.executor.stage import schedule, settings

if TYPE_CHECKING:
    from pathlib import Path

FACTS = Facts(runtime="r", cpus=2.5, memory_bytes=7)


async def a_job(**changes: object) -> Job:
    log = MemoryLog()
    await schedule(log, "a")
    job = fold(await log.read_job("a"))
    assert job is not None
    return replace(job, **changes)


def test_slots_are_the_machines_unless_they_are_set() -> None:
    assert read(Environment({"PODIUM_MAX_RUNNING": "3"})).slots is None
    assert read(Environment({"PODIUM_MAX_RUNNING": "3", "PODIUM_SLOTS": "2"})).slots == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PODIUM_EXECUTOR_ID", "a.b"),
        ("PODIUM_EXECUTOR_ID", "*"),
        ("PODIUM_RUNTIME", "podman"),
        ("PODIUM_SLOTS", "0"),
        ("PODIUM_CPUS", "many"),
        ("PODIUM_MEMORY_BYTES", "8GiB"),
        ("PODIUM_MODEL_CODE", "yes"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        read(Environment({name: value}))


def test_a_word_on_model_written_code_reaches_the_agent() -> None:
    assert read(Environment({})).model_variables == {}
    given = read(Environment({"PODIUM_MODEL_CODE": "refuse"}))
    assert given.model_variables == {"PODIUM_MODEL_CODE": "refuse"}


def test_the_executors_default_id_can_be_part_of_a_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "node-1.example.org")
    assert read(Environment({})).executor == "node-1-example-org"


async def test_a_local_competition_gets_no_kaggle_secret_and_no_network(tmp_path: Path) -> None:
    given = settings(tmp_path, kaggle_variables={"KAGGLE_KEY": "k"})
    spec = specify(await a_job(), 1, given, FACTS, nonce="n")
    assert isinstance(spec, SandboxSpec)
    assert spec.data_dir == tmp_path / "competitions" / "t" / "public"
    assert not spec.network
    assert "KAGGLE_KEY" not in spec.variables
    assert spec.variables["OMP_NUM_THREADS"] == "2"
    assert "PODIUM_SUBMIT_AS" not in spec.variables
    assert (spec.variables["PODIUM_CPUS"], spec.variables["PODIUM_BUDGET_S"]) == ("2.5", "1800")
    with_model = replace(given, model_variables={"ANTHROPIC_API_KEY": "a"})
    spec = specify(await a_job(budget_s=60), 1, with_model, FACTS, nonce="n")
    assert isinstance(spec, SandboxSpec)
    assert spec.network
    assert spec.variables["PODIUM_BUDGET_S"] == "60"
    assert with_model.secrets == ("k", "a")


async def test_a_kaggle_competition_gets_a_network_and_no_folder(tmp_path: Path) -> None:
    given = settings(tmp_path, kaggle_variables={"KAGGLE_KEY": "k"}, competitions_dir=None)
    spec = specify(await a_job(source="kaggle"), 1, given, FACTS, nonce="n")
    assert isinstance(spec, SandboxSpec)
    assert (spec.data_dir, spec.network, spec.variables["KAGGLE_KEY"]) == (None, True, "k")
    asked = replace(await a_job(source="kaggle"), submit=True, dollars_max=0.25)
    spec = specify(asked, 1, replace(given, model_variables={"ANTHROPIC_API_KEY": "a"}), FACTS, nonce="n")
    assert isinstance(spec, SandboxSpec)
    assert spec.variables["PODIUM_SUBMIT_AS"] == f"Podium job {asked.job_id}"
    assert spec.variables["PODIUM_DOLLARS"] == "0.250000"


@pytest.mark.parametrize("slug", ["..", "../t", "t/public", "", "absent", "t\0"])
async def test_only_the_name_of_a_folder_names_a_competition(tmp_path: Path, slug: str) -> None:
    refused = specify(await a_job(competition=slug), 1, settings(tmp_path), FACTS, nonce="n")
    assert isinstance(refused, Failure)
    assert (refused.reason, refused.retryable) == ("competition_not_found", False)


async def test_local_competitions_need_their_folder(tmp_path: Path) -> None:
    refused = specify(await a_job(), 1, settings(tmp_path, competitions_dir=None), FACTS, nonce="n")
    assert isinstance(refused, Failure)
    assert "PODIUM_COMPETITIONS_DIR" in refused.message


def test_only_plain_names_are_fetched_and_the_submission_first() -> None:
    names = ["plot.png", "submission.csv", "../up", "/etc/passwd", "a/b", ".hidden", "plot.png", "", "x\n"]
    assert wanted(names) == ("submission.csv", "plot.png")
    assert len(wanted([f"f{number}" for number in range(100)])) == 32
