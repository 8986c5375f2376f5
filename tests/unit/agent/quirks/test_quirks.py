"""Whatever is odd about a competition, its brief is right and the templates' submission valid.

`python -m tests.unit.agent.quirks 0 1000 --solve` draws as many as wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.agent.quirks.competition import make
from tests.unit.agent.quirks.judging import briefed, faults, solved

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_a_brief_is_right_whatever_is_odd(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + 10):
        folder = tmp_path / str(seed)
        drawn = make(folder, seed)
        assert list(faults(briefed(folder, drawn), drawn)) == [], drawn.quirks


def test_a_submission_beats_a_constant_whatever_is_odd(tmp_path: Path) -> None:
    odd = {
        "form": "many",
        "metric": "map@3",
        "words": ("MAP@{3}", ""),
        "kinds": "words",
        "side": "chain",
        "parts": True,
        "told": "field",
        "encoding": "utf-16",
        "delimiter": ";",
        "decimal_comma": True,
        "packing": "bundle",
        "shuffled": True,
        "id": "text",
        "names": ("train.csv", "test.csv", "sample_submission.csv"),
        "missing": "-999",
        "sample": "here",
    }
    drawn = make(tmp_path / "data", 1, **odd)
    brief = briefed(tmp_path / "data", drawn)
    assert list(faults(brief, drawn)) == []
    assert list(solved(tmp_path / "data", tmp_path / "out", brief, drawn, seconds=4.0)) == []
