"""``python -m tests.chaos --jobs 60 --seconds 90 --seed 1``: make trouble, report, exit with 1 if it told."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chaos.report import report
from tests.chaos.run import Plan, run
from tests.chaos.verdict import judge


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=90.0, help="how long things go wrong")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path, help="an empty folder to keep, with every part's log")
    asked = parser.parse_args()
    plan = Plan(jobs=asked.jobs, seed=asked.seed, trouble_s=asked.seconds, every_s=(1.0, 3.0), settle_s=240.0)
    with TemporaryDirectory(prefix="podium-chaos-") as folder:
        outcome = asyncio.run(run(plan, asked.home or Path(folder)))
    wrong = judge(outcome.history, running_max=plan.running_max)
    print(report(plan, outcome, wrong))
    return 1 if wrong or outcome.own_ends else 0


if __name__ == "__main__":
    sys.exit(main())
