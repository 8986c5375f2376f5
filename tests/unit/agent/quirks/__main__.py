"""`python -m tests.unit.agent.quirks FIRST LAST`: draws competitions, and prints what goes wrong."""

from __future__ import annotations

import argparse
import tempfile
import time
import traceback
from pathlib import Path

from tests.unit.agent.quirks.competition import make
from tests.unit.agent.quirks.judging import briefed, faults, solved


def main() -> None:
    """Judge the seeds from FIRST up to LAST."""
    options = argparse.ArgumentParser()
    options.add_argument("first", type=int)
    options.add_argument("last", type=int)
    options.add_argument("--solve", action="store_true", help="run the templates' solution, too")
    options.add_argument("--seconds", type=float, default=6.0, help="what a solution may take")
    given = options.parse_args()
    wrong = 0
    started = time.monotonic()
    for seed in range(given.first, given.last):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            drawn = make(folder / "data", seed)
            try:
                brief = briefed(folder / "data", drawn)
                found = list(faults(brief, drawn))
                if given.solve and not found:
                    found += solved(folder / "data", folder / "out", brief, drawn, seconds=given.seconds)
            except Exception as error:  # noqa: BLE001 - any of them is a finding
                last = traceback.extract_tb(error.__traceback__)[-1]
                found = [f"{type(error).__name__}: {error} ({last.name}:{last.lineno})"]
        if found:
            wrong += 1
            shown = {k: v for k, v in drawn.quirks.items() if k not in {"words", "seed"}}
            print(f"seed {seed}: {found}\n    {shown}", flush=True)
    spent = time.monotonic() - started
    print(f"{given.last - given.first} drawn, {wrong} wrong, {spent:.0f} s")


if __name__ == "__main__":
    main()
