"""How cost and memory grow with the number of jobs, through log, scheduler and projector.

python -m tests.bench.bench_scale --jobs 1000000 --real-jobs 10000

Scheduler (its real shell and rules), projector (its real folding) and the reading of a start each run in a
process of their own over a log in memory, for 1,000 jobs, ten times as many, and so on up to --jobs.  A real
JetStream and a real Postgres hold the same jobs, up to --real-jobs.  A job here has 9 events.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from cli.capacity.figures import value
from tests.bench.scale_jobs import EVENTS
from tests.bench.scale_part import Part
from tests.bench.scale_plot import draw
from tests.bench.scale_real import Real, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

_PARTS = ("scheduler", "projector", "start", "waiting")
_SMALLEST = 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=100_000, help="in memory; 0: none (default: %(default)s)")
    parser.add_argument(
        "--real-jobs", type=int, default=10_000, help="in real servers; 0: none (default: %(default)s)"
    )
    parser.add_argument("--plot", type=Path, help="where the picture goes, as SVG")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    measured = {part: [_part(part, jobs) for jobs in _sizes(options.jobs)] for part in _PARTS}
    if options.jobs:
        _print_parts(measured)
    if options.jobs and options.plot:
        options.plot.parent.mkdir(parents=True, exist_ok=True)
        _draw(options.plot, measured)
    real = []
    for jobs in _sizes(options.real_jobs):
        with tempfile.TemporaryDirectory() as folder:
            real.append(asyncio.run(measure(Path(folder), jobs=jobs)))
    if real:
        _print_real(real)


def _sizes(most: int) -> list[int]:
    """1,000, 10,000 and so on, and the most."""
    sizes, size = [], _SMALLEST
    while size < most:
        sizes.append(size)
        size *= 10
    return [*sizes, most] if most else []


def _part(what: str, jobs: int) -> Part:
    command = [sys.executable, "-m", "tests.bench.scale_part", what, str(jobs)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(ended.stdout, type=Part)


def _print_parts(measured: dict[str, list[Part]]) -> None:
    for part in ("scheduler", "projector"):
        rows = [(one.jobs, one.cpu_s, _us(one), one.rss_bytes / 1e6) for one in measured[part]]
        _table(f"{part}, in memory", ("jobs", "CPU s", "µs a job", "MB at most"), rows)
    rows = [
        (one.jobs, one.cpu_s, one.more["snapshot_s"], one.more["snapshot_bytes"], one.rss_bytes / 1e6)
        for one in measured["start"]
    ]
    heads = ("jobs", "history, CPU s", "snapshot, CPU s", "its bytes", "MB at most")
    _table("a scheduler's start, decoding included", heads, rows)
    rows = [(one.jobs, one.more["decision_us"], one.rss_bytes / 1e6) for one in measured["waiting"]]
    _table("all asked for at once", ("jobs", "µs a decision", "MB at most"), rows)


def _print_real(real: Sequence[Real]) -> None:
    title = f"JetStream: {EVENTS} events a job; by the model each has {value('event_bytes'):g} bytes"
    heads = ("jobs", "log bytes a job", "NATS MB", "ms a request", "ms a scheduling")
    rows = [
        (one.jobs, one.nats_bytes / one.jobs, one.nats_rss_bytes / 1e6, one.append_job_ms, one.append_log_ms)
        for one in real
    ]
    _table(title, heads, rows)
    heads = ("jobs", "row bytes a job", "projector µs a job", "events a second")
    rows = [
        (one.jobs, one.postgres_bytes / one.jobs, one.projector_cpu_s / one.jobs * 1e6, one.projected_per_s)
        for one in real
    ]
    _table("Postgres", heads, rows)
    heads = ("jobs", "history s", "its CPU s", "snapshot s", "its CPU s")
    rows = [
        (one.jobs, one.start_s, one.start_cpu_s, one.snapshot_start_s, one.snapshot_start_cpu_s)
        for one in real
    ]
    _table("a scheduler's process, to its first decision", heads, rows)


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[float]]) -> None:
    print(f"\n{title}")
    print(" ".join(f"{head:>20}" for head in heads))
    for jobs, *values in rows:
        cells = [f"{jobs:,}", *(f"{each:,.0f}" if each >= 1000 else f"{each:.4g}" for each in values)]
        print(" ".join(f"{cell:>20}" for cell in cells), flush=True)


def _draw(path: Path, measured: dict[str, list[Part]]) -> None:
    told = {part: measured[part] for part in ("scheduler", "projector", "start")}
    draw(
        path,
        cost_us={part: [(one.jobs, _us(one)) for one in many] for part, many in told.items()},
        memory_mb={part: [(one.jobs, one.rss_bytes / 1e6) for one in many] for part, many in told.items()},
    )


def _us(part: Part) -> float:
    """Microseconds of processor time a job."""
    return part.cpu_s / part.jobs * 1e6


if __name__ == "__main__":
    main()
