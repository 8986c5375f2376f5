"""How good the agent's submissions are, beside scikit-learn's gradient boosting, on answers held back.

python -m tests.bench.bench_agent --budget 60 --competitions titanic-passenger-survival
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

ROOT = Path(__file__).parents[2]
COMPETITIONS = ROOT.parent / "shared" / "competitions"
OTHERS = ("flaml", "autogluon")
LATE_S = 2.0  # a process takes as long to start and to end
CATEGORIES_MAX = 200


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One solver on one competition; `expected` is the score that it says it has, out of fold."""

    score: float | None
    expected: float | None
    seconds: float
    peak_mb: float
    error: str | None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--budget", type=int, default=60, help="seconds for each (default: %(default)s)")
    parser.add_argument("--competitions", default="", help="names, parted by commas (default: all)")
    parser.add_argument("--cpus", type=int, default=os.cpu_count(), help="for either (default: all)")
    options = parser.parse_args()
    if not COMPETITIONS.is_dir():
        sys.exit(f"There are no competitions in {COMPETITIONS}.")
    grade = grader()
    missing = [name for name in OTHERS if importlib.util.find_spec(name) is None]
    print(f"budget {options.budget} s, {options.cpus} processors; not installed: {', '.join(missing)}")
    print(f"{'competition':28}{'metric':>10}{'podium':>10}{'hgb':>10}{'out of fold':>13}{'s':>6}{'MB':>7}")
    wanted = [name for name in options.competitions.split(",") if name]
    rows = []
    for meta in sorted(COMPETITIONS.glob("*/meta.json")):
        if wanted and meta.parent.name not in wanted:
            continue
        rows.append(compare(meta.parent, grade, budget_s=options.budget, cpus=options.cpus))
    conclude(rows, budget_s=options.budget)


def grader() -> Any:
    """The competitions' own grader."""
    found = importlib.util.spec_from_file_location("grade", COMPETITIONS / "grade.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.grade


def compare(folder: Path, grade: Any, *, budget_s: int, cpus: int) -> tuple[Result, Result, bool]:
    """Both solvers on one competition, printed; and whether a higher score is better."""
    meta = json.loads((folder / "meta.json").read_text())
    with tempfile.TemporaryDirectory() as scratch:
        ours = podium(folder, Path(scratch), grade, budget_s=budget_s, cpus=cpus)
        theirs = boosting(folder, Path(scratch), grade, meta=meta, cpus=cpus)
    print(
        f"{folder.name:28}{meta['metric']:>10}{words(ours.score):>10}{words(theirs.score):>10}"
        f"{words(ours.expected):>13}{ours.seconds:6.0f}{ours.peak_mb:7.0f}"
        f"{'' if ours.error is None else '  ' + ours.error}",
        flush=True,
    )
    return ours, theirs, meta["direction"] == "maximize"


def words(score: float | None) -> str:
    return "none" if score is None else f"{score:.4f}"


def conclude(rows: list[tuple[Result, Result, bool]], *, budget_s: int) -> None:
    """Wins, ties (to four digits), losses, mean rank of the two, and what must never fail."""
    signs = [
        0.0 if None in (a.score, b.score) else np.sign(round(a.score - b.score, 4)) * (1 if up else -1)
        for a, b, up in rows
    ]
    won, lost = sum(sign > 0 for sign in signs), sum(sign < 0 for sign in signs)
    rank = np.mean([1.5 - sign / 2 for sign in signs])
    valid = sum(ours.score is not None for ours, _, _ in rows)
    late = sum(ours.seconds > budget_s + LATE_S for ours, _, _ in rows)
    print(
        f"{won} won, {len(rows) - won - lost} tied, {lost} lost; mean rank {rank:.2f} of 2; "
        f"{valid} of {len(rows)} valid, {late} late"
    )


def podium(folder: Path, scratch: Path, grade: Any, *, budget_s: int, cpus: int) -> Result:
    """The agent as a sandbox starts it, with templates only."""
    environment = {
        "PATH": os.environ["PATH"],
        "PODIUM_COMPETITION": folder.name,
        "PODIUM_DATA_DIR": str(folder / "public"),
        "PODIUM_OUTPUT_DIR": str(scratch / "out"),
        "PODIUM_WORK_DIR": str(scratch / "work"),
        "PODIUM_BUDGET_S": str(budget_s),
        "PODIUM_CPUS": str(cpus),
    }
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "agent"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak_mb = 0.0
    while process.poll() is None:
        peak_mb = max(peak_mb, memory_mb(process.pid))
        time.sleep(0.2)
    seconds = time.monotonic() - started
    found = grade(folder.name, str(scratch / "out" / "submission.csv"))
    metrics = scratch / "out" / "metrics.json"
    expected = json.loads(metrics.read_text())["score"] if metrics.exists() else None
    return Result(
        score=found["score"], expected=expected, seconds=seconds, peak_mb=peak_mb, error=found["error"]
    )


def memory_mb(root: int) -> float:
    """What a process and all that it started hold in memory; a page that two share counts once in each."""
    parents: dict[int, tuple[int, float]] = {}
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
        except (OSError, ValueError):  # It has ended in between.
            continue
        parents[int(fields["Pid"])] = (int(fields["PPid"]), float(fields.get("VmRSS", "0 kB").split()[0]))

    def ours(pid: int) -> bool:
        return pid == root or (pid in parents and pid > 1 and ours(parents[pid][0]))

    return sum(kilobytes for pid, (_, kilobytes) in parents.items() if ours(pid)) / 1024


def boosting(folder: Path, scratch: Path, grade: Any, *, meta: dict[str, Any], cpus: int) -> Result:
    """scikit-learn's gradient boosting with its defaults, in a process of its own."""
    path = scratch / "boosting.csv"
    process = multiprocessing.get_context("spawn").Process(target=fit, args=(folder, path, meta, cpus))
    started = time.monotonic()
    process.start()
    process.join()
    seconds = time.monotonic() - started
    found = grade(folder.name, str(path))
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return Result(score=found["score"], expected=None, seconds=seconds, peak_mb=peak_mb, error=found["error"])


def fit(folder: Path, path: Path, meta: dict[str, Any], cpus: int) -> None:
    """Learn from the tables as pandas reads them, words as codes, and write a submission."""
    os.environ["OMP_NUM_THREADS"] = str(cpus)
    public, files, csv = folder / "public", meta["files"], meta["csv"]
    dialect = {"sep": csv.get("sep", ","), "encoding": csv.get("encoding", "utf-8")}
    train, test = (pd.read_csv(public / files[name], **dialect) for name in ("train", "test"))
    sample = pd.read_csv(public / files["sample_submission"])
    keys = meta["id_column"]
    used = [name for name in train.columns if name in test.columns and name != keys]
    wordy = [name for name in used if not pd.api.types.is_numeric_dtype(train[name])]
    few = [name for name in wordy if train[name].nunique() <= CATEGORIES_MAX]
    numbers = [name for name in used if name not in wordy]
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    targets = meta["train_target"] if isinstance(meta["train_target"], list) else [meta["train_target"]]
    asked = meta["target"] if isinstance(meta["target"], list) else [meta["target"]]
    kind = HistGradientBoostingRegressor if meta["task"] == "regression" else HistGradientBoostingClassifier
    for target, column in zip(targets, asked, strict=True):
        known = train[target].notna()
        columns = make_column_transformer((encode, few), ("passthrough", numbers))
        model = make_pipeline(columns, kind(random_state=0))
        logs = meta["metric"] == "rmsle"
        truth = train.loc[known, target]
        model.fit(train.loc[known, used], np.log1p(truth) if logs else truth)
        if meta["submission_format"] == "probability":
            place = list(map(str, model.classes_)).index(str(meta["positive_label"]))
            answer = model.predict_proba(test[used])[:, place]
        else:
            answer = np.expm1(model.predict(test[used])) if logs else model.predict(test[used])
        rows = pd.Series(answer, index=test[keys]) if meta["id_in_test"] else pd.Series(answer)
        sample[column] = (rows.loc[sample[keys]] if meta["id_in_test"] else rows).to_numpy()
    sample.to_csv(path, index=False)


if __name__ == "__main__":
    main()
