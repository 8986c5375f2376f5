"""How good the agent's submissions are, beside AutoML systems with the same budget, on answers held back.

make bench-agent BUDGETS=60,180 COMPETITIONS=titanic-passenger-survival,wine-tasting-scores

Systems run one after the other on a competition, with the same limits of processors, threads, memory
and time.  With --lanes 2 two competitions are at once, each on processors of its own.  What else runs on
the machine slows them all.  What was measured lies in --write-to after each competition: --keep goes on
from there.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.util
import json
import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import msgspec

from agent.analysis.competition import analyse
from tests.bench.contest import ROOT, Means, Result, run_peer, run_podium
from tests.bench.through_service import run_service
from tests.bench.verdict import Contest, as_markdown

if TYPE_CHECKING:
    from agent.brief import Brief

COMPETITIONS = ROOT.parent / "shared" / "competitions"
SYSTEMS = ("podium", "autogluon", "flaml", "hgb")
OURS = {"podium": run_podium, "service": run_service}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--budgets", default="60", help="seconds, parted by commas (default: %(default)s)")
    parser.add_argument("--competitions", default="", help="names, parted by commas (default: all)")
    parser.add_argument(
        "--systems", default=",".join(SYSTEMS), help="service too: Podium, in Docker (default: %(default)s)"
    )
    parser.add_argument("--cpus", type=int, default=2, help="processors of each (default: %(default)s)")
    parser.add_argument("--memory-mb", type=int, default=8_192, help="of each (default: %(default)s)")
    parser.add_argument("--peers-python", type=Path, default=ROOT / ".podium/peers/bin/python")
    parser.add_argument("--write-to", type=Path, default=ROOT / ".podium/bench-agent", help="a folder")
    parser.add_argument("--lanes", type=int, default=1, help="competitions at once (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave out what --write-to has already")
    given = parser.parse_args()
    if not COMPETITIONS.is_dir():
        sys.exit(f"There are no competitions in {COMPETITIONS}.")
    processors = sorted(os.sched_getaffinity(0))
    if given.lanes * given.cpus > len(processors):
        sys.exit(
            f"{given.lanes} lanes of {given.cpus} processors need more than the {len(processors)} there are."
        )
    lanes = [processors[given.cpus * lane :][: given.cpus] for lane in range(given.lanes)]
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
        path = given.write_to / f"{budget_s}s-{given.cpus}cpus.json"
        record = Record.read(path) if given.keep and path.exists() else Record(title=title_of(means))
        bench(folders, given.systems.split(","), means, lanes=lanes, record=record, path=path)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured with one budget."""

    title: str
    contests: tuple[Contest, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Record:
        """Raises msgspec.DecodeError where it is something else."""
        return msgspec.json.decode(path.read_bytes(), type=cls)

    def with_contest(self, contest: Contest) -> Record:
        """The same with one more, in the order of their names."""
        contests = sorted((*self.contests, contest), key=lambda each: each.competition)
        return msgspec.structs.replace(self, contests=tuple(contests))


def title_of(means: Means) -> str:
    """What is measured, and when."""
    return (
        f"{means.budget_s} s, {means.cpus} processors ({processor()}), {means.memory_mb} MB for each system; "
        f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d %H:%M} UTC"
    )


def bench(
    folders: list[Path],
    systems: list[str],
    means: Means,
    *,
    lanes: list[list[int]],
    record: Record,
    path: Path,
) -> None:
    """All competitions with one budget; the tables are written anew after each."""
    print(record.title, flush=True)
    grade, known = grader(), {contest.competition for contest in record.contests}
    left = [folder for folder in folders if folder.name not in known]
    briefs = {folder: analyse(folder / "public", folder.name, progress=lambda *_: None) for folder in left}
    free: SimpleQueue[list[int]] = SimpleQueue()
    for lane in lanes:
        free.put(lane)

    def compete_in_lane(folder: Path) -> Contest:
        lane = free.get()
        os.sched_setaffinity(0, lane)  # of this thread, and of the processes that it starts
        try:
            return compete(folder, briefs[folder], systems, grade, means)
        finally:
            free.put(lane)

    with ThreadPoolExecutor(len(lanes)) as pool:
        for ended in as_completed([pool.submit(compete_in_lane, folder) for folder in left]):
            record = record.with_contest(ended.result())
            path.write_bytes(msgspec.json.encode(record))
            text = f"{record.title}\n\n{as_markdown(record.contests)}"
            path.with_suffix(".md").write_text(text, encoding="utf-8")
    print(as_markdown(record.contests), flush=True)


def compete(folder: Path, brief: Brief, systems: list[str], grade: Any, means: Means) -> Contest:
    """Every system on one competition, each printed as it ends."""
    meta = json.loads((folder / "meta.json").read_text())
    print(f"{folder.name} ({meta['metric']}, {meta['direction']})", flush=True)
    results: dict[str, Result] = {}
    for system in systems:
        load = os.getloadavg()[0]
        run_ours = OURS.get(system)
        result = run_ours(folder, grade, means) if run_ours else run_peer(system, folder, brief, grade, means)
        results[system] = result
        score = "none" if result.score is None else f"{result.score:.4f}"
        expected = "" if result.expected is None else f", said {result.expected:.4f}"
        print(
            f"  {folder.name:28}{system:10}{score:>10}{result.seconds:6.0f} s{result.peak_mb:7.0f} MB, "
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
