"""How good the agent's submissions are, beside AutoML systems with the same budget, on answers held back.

make bench-agent BUDGETS=60,180 COMPETITIONS=titanic-passenger-survival,wine-tasting-scores

Systems run one after the other, never side by side, each on the same processors, with the same limits of
threads, memory and time.  What else runs on the machine slows them all.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.util
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import msgspec

from tests.bench.contest import ROOT, Means, Result, run_peer, run_podium
from tests.bench.verdict import Contest, as_markdown

COMPETITIONS = ROOT.parent / "shared" / "competitions"
SYSTEMS = ("podium", "autogluon", "flaml", "hgb")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--budgets", default="60", help="seconds, parted by commas (default: %(default)s)")
    parser.add_argument("--competitions", default="", help="names, parted by commas (default: all)")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="default: %(default)s")
    parser.add_argument("--cpus", type=int, default=2, help="processors of each (default: %(default)s)")
    parser.add_argument("--memory-mb", type=int, default=8_192, help="of each (default: %(default)s)")
    parser.add_argument("--peers-python", type=Path, default=ROOT / ".podium/peers/bin/python")
    parser.add_argument("--write-to", type=Path, default=ROOT / ".podium/bench-agent", help="a folder")
    given = parser.parse_args()
    if not COMPETITIONS.is_dir():
        sys.exit(f"There are no competitions in {COMPETITIONS}.")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.cpus])
    wanted = [name for name in given.competitions.split(",") if name]
    folders = [
        meta.parent
        for meta in sorted(COMPETITIONS.glob("*/meta.json"))
        if not wanted or meta.parent.name in wanted
    ]
    given.write_to.mkdir(parents=True, exist_ok=True)
    for budget_s in map(int, given.budgets.split(",")):
        means = Means(
            budget_s=budget_s,
            cpus=given.cpus,
            memory_mb=given.memory_mb,
            peers_python=given.peers_python.absolute(),
        )
        bench(folders, given.systems.split(","), means, given.write_to)


def bench(folders: list[Path], systems: list[str], means: Means, write_to: Path) -> None:
    """All competitions with one budget; the tables are written anew after each."""
    title = (
        f"{means.budget_s} s, {means.cpus} processors ({processor()}), {means.memory_mb} MB for each system; "
        f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d %H:%M} UTC"
    )
    print(title, flush=True)
    grade = grader()
    contests = []
    for folder in folders:
        contests.append(compete(folder, systems, grade, means))
        path = write_to / f"{means.budget_s}s"
        path.with_suffix(".md").write_text(f"{title}\n\n{as_markdown(contests)}", encoding="utf-8")
        path.with_suffix(".json").write_bytes(msgspec.json.encode({"title": title, "contests": contests}))
    print(as_markdown(contests), flush=True)


def compete(folder: Path, systems: list[str], grade: Any, means: Means) -> Contest:
    """Every system on one competition, each printed as it ends."""
    meta = json.loads((folder / "meta.json").read_text())
    print(f"{folder.name} ({meta['metric']}, {meta['direction']})", flush=True)
    results: dict[str, Result] = {}
    for system in systems:
        load = os.getloadavg()[0]
        result = (
            run_podium(folder, grade, means) if system == "podium" else run_peer(system, folder, grade, means)
        )
        results[system] = result
        score = "none" if result.score is None else f"{result.score:.4f}"
        expected = "" if result.expected is None else f", said {result.expected:.4f}"
        print(
            f"  {system:10}{score:>10}{result.seconds:6.0f} s{result.peak_mb:7.0f} MB, "
            f"load before {load:.1f}{expected}{', LATE' if result.late else ''} {result.error or ''}",
            flush=True,
        )
    sample = folder / "public" / meta["files"]["sample_submission"]
    return Contest(
        competition=folder.name,
        metric=meta["metric"],
        maximize=meta["direction"] == "maximize",
        floor=grade(folder.name, str(sample))["score"],
        results=results,
    )


def grader() -> Any:
    """The competitions' own grader."""
    found = importlib.util.spec_from_file_location("grade", COMPETITIONS / "grade.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.grade


def processor() -> str:
    """The processor's name, where Linux says it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


if __name__ == "__main__":
    main()
