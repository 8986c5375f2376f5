"""`podium capacity`: what so many jobs need and cost, by estimate and by what jobs took here."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec.structs import asdict

from cli.capacity.figures import DATE, FIGURES, estimated, value
from cli.capacity.plan import DAYS_A_MONTH, Site, job_dollars, plan
from cli.capacity.recorded import known_of
from cli.capacity.words import lines_of, rows_of, table_of
from cli.commands.gateway import client_of
from cli.commands.options import Duration, home_option, json_option
from cli.durations import show_duration
from cli.screen import Screen, print_json
from events.job import ENDED
from podium.errors import GoneError, StackError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from cli.capacity.plan import JobCost, Plan
    from cli.capacity.recorded import Known

LOOKED_AT: Final = 20
"""So many of the newest jobs that have ended are read."""

_LISTED: Final = 100
_MEMORY_BYTES_A_CPU: Final = 2 * 1024**3

_SOME: Final = click.FloatRange(0, min_open=True)
_DOLLARS: Final = click.FloatRange(0)


@click.command()
@click.option("--jobs-per-month", type=_SOME, help="How many jobs in a month.")
@click.option("--jobs-per-day", type=_SOME, help="The same by the day.")
@click.option("--budget", "budget_s", type=Duration(), default="30m", show_default=True,
              help="What jobs are run with.")  # fmt: skip
@click.option("--peak", "peak_ratio", type=click.FloatRange(1), default=3, show_default=True,
              help="The busiest hour has so many times the jobs of a mean one.")  # fmt: skip
@click.option("--dollars", "model_dollars", type=_DOLLARS,
              help="What calls to a model cost for a job; 0: no model.  [default: estimated]")  # fmt: skip
@click.option("--slots", type=click.IntRange(1), default=4, show_default=True,
              help="Attempts at once on one executor.")  # fmt: skip
@click.option("--cpus", type=_SOME, default=4, show_default=True,
              help="Processors of one attempt; 2 GiB of memory come with each.")  # fmt: skip
@click.option("--replicas", type=click.IntRange(1, 5), default=1, show_default=True,
              help="Of NATS' streams.")  # fmt: skip
@click.option("--cpu-hour-dollars", type=_DOLLARS, default=value("cpu_hour_dollars"), show_default=True,
              help="What a processor costs for an hour.")  # fmt: skip
@click.option("--gb-month-dollars", type=_DOLLARS, default=value("gb_month_dollars"), show_default=True,
              help="What a gigabyte of disk costs for a month.")  # fmt: skip
@json_option
@home_option
def capacity(
    jobs_per_month: float | None,
    jobs_per_day: float | None,
    budget_s: int,
    peak_ratio: float,
    model_dollars: float | None,
    *,
    as_json: bool,
    home: Path | None,
    **site: Any,
) -> None:
    """Plan for so many jobs: executors, NATS, Postgres, dollars.

    \b
    By estimate alone, with nothing running:
      podium capacity --jobs-per-month 1000
    \b
    Ten-minute jobs on three NATS servers, with templates only:
      podium capacity --jobs-per-day 500 --budget 10m --dollars 0 --replicas 3
    \b
    Where a stack runs (in --home, or at $PODIUM_URL) its newest 20 jobs that have ended are read, too: what
    they took, by their events, stands beside the estimate, and so does the plan that follows from it:
      podium capacity --jobs-per-month 1000 --home ./.podium
    \b
    How to read it:
      attempts at once   so many that at most one in ten waits in the busiest hour
      executors          machines that stand all month, each with --slots attempts at once
      costs              one job: calls, the time that it holds a place, its storage for a year
      a month costs      all jobs, machines that stand idle included
    docs/scale.md says where each figure comes from.
    """  # noqa: D301 - \b is how click is told to keep lines
    if (jobs_per_day is None) == (jobs_per_month is None):
        raise UsageError(
            "Say how many jobs, either by the month or by the day.",
            hint="podium capacity --jobs-per-month 1000",
        )
    per_day = jobs_per_day or (jobs_per_month or 0) / DAYS_A_MONTH
    where = _site(**site)
    known, missing = asyncio.run(_known(home))
    costs = [estimated(budget_s=budget_s, model_dollars=model_dollars)]
    costs += [known.cost] if known else []
    plans = [plan(cost, where, jobs_per_day=per_day, peak_ratio=peak_ratio) for cost in costs]
    if as_json:
        answers = [_answer(*one, where) for one in zip(costs, plans, strict=True)]
        recorded = {"jobs": known.jobs, "budget_s": known.budget_s} | answers[1] if known else None
        told = {"estimate": answers[0], "recorded": recorded, "figures": FIGURES, "figures_of": DATE}
        print_json(told)
        return
    heads = ["estimate"]
    heads += [f"recorded: {known.jobs} jobs, {show_duration(known.budget_s)} each"] if known else []
    rows = rows_of(costs, plans, where)
    screen = Screen()
    screen.line(
        f"{per_day * DAYS_A_MONTH:,.0f} jobs a month, {per_day:,.1f} a day, each with"
        f" {show_duration(budget_s)}; the busiest hour has {peak_ratio:g} times the mean"
    )
    screen.show(table_of(rows, heads), ["\t".join(("", *heads)), *lines_of(rows)])
    if missing:
        screen.line(f"Nothing that was recorded is beside it: {missing}")


async def _known(home: Path | None) -> tuple[Known | None, str]:
    """What the newest jobs took, or why that is not known."""
    try:
        async with client_of(home) as client:
            listed = (await client.jobs(limit=_LISTED)).jobs
            ended = [job for job in listed if job.status in ENDED and job.attempt][:LOOKED_AT]
            logs = []
            for job in ended:
                with contextlib.suppress(GoneError):  # Its events were archived.
                    logs.append(await client.log(job.job_id))
    except StackError as error:
        return None, str(error)
    known = known_of(logs, event_overhead=value("event_overhead"), row_bytes=value("row_bytes"))
    return known, "" if known else "the log holds the events of no job that has ended."


def _site(
    *, slots: int, cpus: float, replicas: int, cpu_hour_dollars: float, gb_month_dollars: float
) -> Site:
    return Site(
        cpus=cpus,
        memory_bytes=cpus * _MEMORY_BYTES_A_CPU,
        slots=slots,
        replicas=replicas,
        cpu_hour_dollars=cpu_hour_dollars,
        gb_month_dollars=gb_month_dollars,
        service_cpus=value("service_cpus"),
        appends_per_s_max=value("appends_per_s"),
        projected_per_s_max=value("projected_per_s"),
    )


def _answer(cost: JobCost, needed: Plan, site: Site) -> dict[str, object]:
    paid = job_dollars(cost, site)
    return {"job": cost, "job_dollars": {"total": paid.total, **asdict(paid)}, "plan": needed}
