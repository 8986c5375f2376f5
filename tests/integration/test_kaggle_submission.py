"""Submitting to Kaggle through its real client: once, whatever is lost on the way, and told as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.sources.kaggle_client import KaggleSettings
from agent.sources.kaggle_submission import submit
from events.progress import Submitted
from tests.fakes.kaggle_server import Faults, KaggleServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANSWER = "id,y\n1,0\n"


@pytest.fixture
def kaggle(tmp_path: Path) -> Iterator[KaggleServer]:
    with KaggleServer(tmp_path, slug="some-competition") as server:
        yield server


class Clock:
    """Time that passes only where somebody sleeps."""

    now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def submitted(
    server: KaggleServer, folder: Path, *, name: str = "Podium job 1", until: float = 60
) -> Submitted:
    path = folder / "submission.csv"
    path.write_text(ANSWER)
    clock = Clock()
    settings = KaggleSettings(username="someone", key="a-key", endpoint=server.url)
    return submit(
        path, server.slug, name=name, settings=settings, until=until, sleep=clock.sleep, monotonic=clock
    )


def test_the_answer_is_uploaded_and_its_score_waited_for(kaggle: KaggleServer, tmp_path: Path) -> None:
    kaggle.looks_until_scored = 4
    told = submitted(kaggle, tmp_path)
    assert told == Submitted(
        outcome="scored", public_score=0.7766, message="Kaggle's public score is 0.7766."
    )
    assert [one["content"] for one in kaggle.submissions] == [ANSWER.encode()]
    assert kaggle.submissions[0]["description"] == "Podium job 1"


def test_a_job_submits_once_though_it_asks_again_and_another_job_for_itself(
    kaggle: KaggleServer, tmp_path: Path
) -> None:
    submitted(kaggle, tmp_path)
    assert submitted(kaggle, tmp_path).outcome == "scored"
    assert len(kaggle.submissions) == 1
    submitted(kaggle, tmp_path, name="Podium job 2")
    assert len(kaggle.submissions) == 2


def test_a_lost_answer_is_not_a_second_submission(kaggle: KaggleServer, tmp_path: Path) -> None:
    kaggle.faults.lost_answers = 1
    assert submitted(kaggle, tmp_path).outcome == "scored"
    assert len(kaggle.submissions) == 1


def test_time_that_runs_out_is_told(kaggle: KaggleServer, tmp_path: Path) -> None:
    kaggle.looks_until_scored = 100
    told = submitted(kaggle, tmp_path, until=20)
    assert (told.outcome, told.public_score) == ("pending", None)
    assert "not there yet" in told.message


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(submission_error="Row 7 is missing."), "Row 7 is missing."),
        (Faults(rules_accepted=False), "/rules"),
        (Faults(always=503), "did not answer"),
    ],
)
def test_a_refusal_is_told_and_not_raised(
    kaggle: KaggleServer, tmp_path: Path, faults: Faults, words: str
) -> None:
    kaggle.faults = faults
    told = submitted(kaggle, tmp_path)
    assert (told.outcome, told.public_score) == ("refused", None)
    assert words in told.message
