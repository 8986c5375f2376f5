"""``python -m tests.cluster --jobs 30``: try the cluster in Docker, report, exit with 1 if it told.

Every container is killed in turn, a NATS server is cut off, and everything is restarted, while jobs run.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chaos.verdict import judge
from tests.cluster.report import report
from tests.cluster.trial import Plan, made, trial
from tests.compose.composition import compose_command


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--jobs", type=int, default=30)
    parser.add_argument("--every", type=float, default=11.0, help="seconds between two jobs")
    parser.add_argument("--home", type=Path, help="an empty folder to keep, with what the services said")
    asked = parser.parse_args()
    compose = compose_command()
    if compose is None:
        sys.exit("neither docker compose nor docker-compose is here")
    plan = Plan(jobs=asked.jobs, every_s=asked.every)
    with TemporaryDirectory(prefix="podium-cluster-") as folder:
        cluster = made(compose, asked.home or Path(folder), plan)
        try:
            outcome = asyncio.run(trial(cluster, plan))
        finally:
            cluster.down()
    wrong = [*judge(outcome.history, running_max=plan.running_max), *outcome.behind]
    print(report(plan, outcome, wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
