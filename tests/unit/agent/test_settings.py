"""What an attempt is told by its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import CompetitionError
from agent.settings import read_settings

NEEDED = {"PODIUM_COMPETITION": "titanic", "PODIUM_OUTPUT_DIR": "out", "PODIUM_WORK_DIR": "tmp"}


def test_only_three_are_needed() -> None:
    settings = read_settings(NEEDED | {"PODIUM_DATA_DIR": "", "PODIUM_CPUS": "0.5"})
    assert settings.data_dir is None
    assert settings.cpus == 1
    assert (settings.budget_s, settings.seed, settings.output_dir) == (1800.0, 0, Path("out"))


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_needed_is_named(name: str) -> None:
    with pytest.raises(CompetitionError, match=f"{name} is not set"):
        read_settings({key: value for key, value in NEEDED.items() if key != name})


@pytest.mark.parametrize("value", ["soon", "5", "inf", "nan"])
def test_a_budget_is_a_number_that_suffices(value: str) -> None:
    with pytest.raises(CompetitionError, match="PODIUM_BUDGET_S must be a number of at least 20"):
        read_settings(NEEDED | {"PODIUM_BUDGET_S": value})
