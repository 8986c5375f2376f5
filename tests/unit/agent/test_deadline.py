"""The one deadline of an attempt, and what it leaves to each step."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.deadline import Deadline, closing_s


def test_a_script_gets_the_rest_without_the_end() -> None:
    deadline = Deadline(at=160.0, budget_s=60.0)
    assert deadline.script_s(now=105.0, analysis_s=1.0) == 160.0 - 105.0 - 6.0
    assert deadline.script_s(now=159.0, analysis_s=1.0) < 0


@pytest.mark.parametrize(
    ("budget_s", "analysis_s", "kept_s"), [(20, 0.5, 2.0), (60, 1, 6.0), (60, 10, 8.0), (60, 40, 15.0)]
)
def test_much_data_needs_a_longer_end_but_never_most_of_the_time(
    budget_s: float, analysis_s: float, kept_s: float
) -> None:
    assert closing_s(budget_s, analysis_s) == kept_s


def test_pictures_wait_for_time() -> None:
    deadline = Deadline(at=100.0, budget_s=60.0)
    assert deadline.has_time_for_plots(now=94.0, import_s=2.0)
    assert not deadline.has_time_for_plots(now=98.5, import_s=0.0)
    assert not deadline.has_time_for_plots(now=94.0, import_s=5.0)


def test_the_clock_runs_from_the_process_s_start() -> None:
    code = (
        "import time; time.sleep(0.3); from agent.deadline import process_started;"
        "print(time.monotonic() - process_started())"
    )
    before = time.monotonic()
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert 0.28 < float(told.stdout) < time.monotonic() - before + 0.02
