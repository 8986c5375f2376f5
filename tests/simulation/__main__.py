"""Simulate as much as you like: ``python -m tests.simulation --steps 2000000 --seed 1``."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.simulation.shape import shape_of
from tests.simulation.world import simulate

if TYPE_CHECKING:
    from tests.simulation.world import Outcome

_REPORT_EVERY_S = 10.0
_TAIL = 25


def main() -> int:
    """Simulate histories from the seed up until the steps are used up; 1 where one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000, help="how many steps in all")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; each history takes the next")
    parser.add_argument("--keep-going", action="store_true", help="go on after a failure")
    options = parser.parse_args()
    began, reported, seed, steps, failed = time.monotonic(), 0.0, options.seed, 0, 0
    struck: Counter[str] = Counter()
    simulated_s = 0.0
    while steps < options.steps:
        outcome = simulate(seed, shape_of(seed))
        steps += outcome.steps
        simulated_s += outcome.simulated_s
        struck.update(outcome.struck)
        if outcome.violation is not None:
            failed += 1
            _tell(seed, outcome)
            if not options.keep_going:
                return 1
        seed += 1
        took_s = time.monotonic() - began
        if took_s - reported > _REPORT_EVERY_S or steps >= options.steps:
            reported = took_s
            faults = " ".join(f"{name}:{count}" for name, count in sorted(struck.items()))
            print(
                f"{steps:,} steps, {seed - options.seed} histories, {simulated_s / 3600:.1f} h simulated, "
                f"{steps / took_s:,.0f} steps/s, {failed} failed; faults {faults}",
                flush=True,
            )
    return 1 if failed else 0


def _tell(seed: int, outcome: Outcome) -> None:
    print(f"\nseed {seed}: {outcome.violation}")
    for record in outcome.records[-_TAIL:]:
        print(f"  {record.sequence:5} {record.time:%H:%M:%S.%f} {record.source:14} {record.event}")


if __name__ == "__main__":
    sys.exit(main())
