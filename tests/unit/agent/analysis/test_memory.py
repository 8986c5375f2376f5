"""A table is not held as a whole: much less memory than it would take is enough to know it and to learn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

ROOT = Path(__file__).parents[4]
ROWS = 2_000_000
BYTES_MAX = 600 * 2**20
"""What a process may write to in all."""

WHOLE = """
import polars as pl
words = pl.read_csv(data / "train.csv", infer_schema=False)
stripped = words.select(pl.all().str.strip_chars())
typed = stripped.select(pl.all().cast(pl.Float64, strict=False))
assert typed.height == 2_000_000
"""
ANALYSE = """
from agent.analysis.competition import analyse
from agent.analysis.truth import read_known
brief = analyse(data, "c", progress=lambda *_: None)
assert brief.train.rows == 2_000_000, brief.train.rows
assert brief.classes == ("never", "no", "yes"), brief.classes
assert read_known(data, brief).truth.height == 2_000_000
"""
LEARN = """
from agent.codegen.templates.tables import load
from agent.codegen.templates.config import Config, Table
train, test, sample = (Table(paths=(f"{name}.csv",)) for name in ("train", "test", "sample_submission"))
rest = dict.fromkeys(Config.__dataclass_fields__, ()) | {"missing_marks": {}, "seed": 0, "test_id_column": ""}
rest["test_names"] = {}
chosen = Config(**rest | {
    "train": train, "test": test, "sample": sample, "id_column": "id", "ids_in_test": True,
    "numbers": ("a", "b", "c"), "targets": {"y": "y"}, "train_rows": 2_000_000, "rows_max": 50_000,
})
tables = load(data, chosen)
assert (tables.train.height, tables.test.height) == (50_000, 1_000)
assert tables.train["id"].cast(int).to_list() == tables.rows.tolist()
"""
LIMITED = "import resource, sys, pathlib; data = pathlib.Path(sys.argv[1]);"


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Python with a ceiling on its memory; two threads, as each has an arena of its own."""
    limit = f"resource.setrlimit(resource.RLIMIT_DATA, ({BYTES_MAX}, {BYTES_MAX}))\n"
    return subprocess.run(
        [sys.executable, "-c", LIMITED + limit + code, str(folder)],
        env={"POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two million rows, of which one alone has a label of its own."""
    folder = tmp_path_factory.mktemp("big")
    rng = np.random.default_rng(0)
    labels = np.where(rng.random(ROWS) < 0.5, "yes", "no").astype(object)
    labels[1_234_567] = "never"
    cells = {"id": np.arange(ROWS)} | {name: rng.integers(0, 10**7, ROWS) for name in "abc"}
    train = pl.DataFrame(cells | {"y": pl.Series(labels.tolist())})
    train.write_csv(folder / "train.csv")
    test = train.head(1_000).drop("y").with_columns(pl.col("id") + ROWS)
    test.write_csv(folder / "test.csv")
    test.select("id", pl.lit("no").alias("y")).write_csv(folder / "sample_submission.csv")
    (folder / "about.md").write_text("## Evaluation\nScored by accuracy.\n")
    return folder


def test_the_whole_table_would_not_fit(folder: Path) -> None:
    assert run(WHOLE, folder).returncode != 0


@pytest.mark.parametrize("code", [ANALYSE, LEARN])
def test_a_part_of_the_table_is_enough(folder: Path, code: str) -> None:
    ended = run(code, folder)
    assert ended.returncode == 0, ended.stderr[-2_000:]
