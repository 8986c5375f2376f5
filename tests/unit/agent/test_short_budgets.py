"""The whole agent with little time on a machine that is busy: done in time, valid, and not a constant."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from events.progress import ModelEvaluated, Succeeded, decode_line
from tests.unit.agent.test_solve import NONCE, agent_process, public

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.alone

BUSY = 3
BUSY_S = 90
OVERLOADED = 6  # runnable processes over a minute: these tests alone come to about half


@pytest.fixture
def load() -> Iterator[None]:
    """Processes that do nothing as hard as they can: with what else runs here there are three, at least."""
    before = min(float(BUSY), os.getloadavg()[0])
    code = f"import time\nend = time.monotonic() + {BUSY_S}\nwhile time.monotonic() < end: pass"
    busy = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(BUSY - int(before))]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def large(folder: Path, rows: int) -> Path:
    """A table whose target follows two of its eight columns."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    cells = {f"x{i}": rng.normal(size=rows).astype(np.float32) for i in range(6)}
    town = rng.integers(0, 300, size=rows)
    y = 3 * cells["x0"] + town / 100 + rng.normal(scale=0.2, size=rows)
    train = pl.DataFrame({"id": range(rows), **cells, "town": [f"t{t}" for t in town], "y": y})
    test = train.head(5_000).drop("y")
    train.write_csv(folder / "train.csv")
    test.write_csv(folder / "test.csv")
    test.select("id", pl.lit(0.0).alias("y")).write_csv(folder / "sample_submission.csv")
    (folder / "description.md").write_text("## Evaluation\nScored by root mean squared error (RMSE).\n")
    return folder


def solved(tmp_path: Path, data_dir: Path, budget_s: int) -> tuple[Succeeded, list[str], pl.DataFrame]:
    """The last word, the models that were scored, and the submission; all of it in time."""
    started = time.monotonic()
    process = agent_process(tmp_path, data_dir, PODIUM_BUDGET_S=str(budget_s), PODIUM_CPUS="2")
    out, err = process.communicate(timeout=budget_s + 30)
    assert time.monotonic() - started < budget_s
    spoken = [decode_line(each + b"\n", nonce=NONCE) for each in out.splitlines()]
    said = [each.message for each in spoken if each is not None]
    last = said[-1]
    models = [each.model for each in said if isinstance(each, ModelEvaluated)]
    if (not models or "constant" in models) and os.getloadavg()[0] > OVERLOADED:
        pytest.skip("in time, but others keep this machine too busy to ask for more")
    assert isinstance(last, Succeeded), err.decode()
    return last, models, pl.read_csv(tmp_path / "out" / "submission.csv", infer_schema=False)


@pytest.mark.usefixtures("load")
def test_a_busy_machine_gets_a_model_in_time(tmp_path: Path) -> None:
    asked = {"titanic-passenger-survival": ("Survived", 20), "handwritten-digit-pixels": ("Label", 40)}
    answers = [solved(tmp_path / name, public(name), budget_s) for name, (_, budget_s) in asked.items()]
    for (last, models, submitted), (column, _) in zip(answers, asked.values(), strict=True):
        assert "constant" not in models
        assert submitted[column].n_unique() > 1
        assert last.score > 0.7


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="300,000 rows on one processor take longer")
def test_many_rows_fit_into_a_short_time(tmp_path: Path) -> None:
    last, models, submitted = solved(tmp_path, large(tmp_path / "data", 300_000), 20)
    assert "constant" not in models
    assert submitted["y"].n_unique() > 1
    assert last.score < 2.0  # the target's own spread is about 3.1
