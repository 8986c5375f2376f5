"""What an agent imports before its first word: the heavy libraries are left to the stage that needs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = {
    "anthropic",
    "kaggle",
    "lightgbm",
    "matplotlib",
    "numpy",
    "pandas",
    "polars",
    "scipy",
    "sklearn",
    "xgboost",
}


def test_an_agent_starts_without_its_heavy_libraries() -> None:
    told = "import sys; before = set(sys.modules); import agent.__main__; print(*set(sys.modules) - before)"
    ran = subprocess.run(
        [sys.executable, "-c", told],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(ran.stdout.split())
    assert "agent.__main__" in imported
    assert HEAVY & imported == set()
