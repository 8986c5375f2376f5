"""A plan in words: pairs of estimates and what was recorded, for a table or for plain lines.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from cli.capacity.plan import job_dollars
from cli.durations import show_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.capacity.plan import JobCost, Plan, Site

Row: TypeAlias = tuple[str, ...]
"""A label and a cell for each plan; a label alone is a heading."""


def rows_of(costs: Sequence[JobCost], plans: Sequence[Plan], site: Site) -> list[Row]:
    """What a job takes and what all need, a column for each of the costs and its plan."""
    return [
        ("one job",),
        ("attempts", *(f"{cost.attempts:.2f}" for cost in costs)),
        ("an attempt's time", *(show_duration(cost.attempt_s) for cost in costs)),
        ("events", *(f"{cost.events:,.0f}" for cost in costs)),
        ("log, files, row", *(_stored_words(cost) for cost in costs)),
        ("costs", *(_job_words(cost, site) for cost in costs)),
        ("all jobs",),
        ("attempts at once", *(_places_words(each) for each in plans)),
        ("executors", *(_executor_words(each, site) for each in plans)),
        ("events at the peak", *(_rate_words(each) for each in plans)),
        ("NATS stores", *(_growth(each.nats_bytes_per_day, each.nats_bytes_per_year) for each in plans)),
        ("Postgres stores", *(_rows_growth(each) for each in plans)),
        ("a month costs", *(_month_words(each) for each in plans)),
    ]  # fmt: skip


def table_of(rows: Sequence[Row], heads: Sequence[str]) -> Table:
    """The rows as a table with these heads over their cells."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for head in ("", *heads):
        table.add_column(head, overflow="fold")
    for label, *cells in rows:
        table.add_row(Text(label, style="" if cells else "bold"), *cells)
    return table


def lines_of(rows: Sequence[Row]) -> list[str]:
    """The rows as lines, a tab between cells."""
    return ["\t".join(row) for row in rows if len(row) > 1]


def _stored_words(cost: JobCost) -> str:
    sizes = (cost.log_bytes, cost.artifact_bytes, cost.row_bytes)
    return ", ".join(decimal(round(size)) for size in sizes)


def _job_words(cost: JobCost, site: Site) -> str:
    paid = job_dollars(cost, site)
    return (
        f"${paid.total:.3f}: model ${paid.model:.3f}, machines ${paid.compute:.3f},"
        f" storage ${paid.storage:.5f}"
    )


def _places_words(plan: Plan) -> str:
    return f"{plan.places} (PODIUM_MAX_RUNNING={plan.places}); {plan.places_mean:.1f} on average"


def _executor_words(plan: Plan, site: Site) -> str:
    memory = decimal(round(plan.memory_bytes))
    return f"{plan.executors} (PODIUM_SLOTS={site.slots}): {plan.cpus:g} CPUs, {memory} in all"


def _rate_words(plan: Plan) -> str:
    return (
        f"{plan.events_per_s_peak:.2g} a second: {plan.log_share:.2%} of what one NATS takes,"
        f" {plan.projector_share:.2%} of what one projector folds"
    )


def _rows_growth(plan: Plan) -> str:
    return _growth(plan.postgres_bytes_per_day, plan.postgres_bytes_per_year)


def _growth(bytes_per_day: float, bytes_per_year: float) -> str:
    return f"{decimal(round(bytes_per_day))} a day, {decimal(round(bytes_per_year))} a year"


def _month_words(plan: Plan) -> str:
    return (
        f"${plan.dollars_per_month:,.2f}: model ${plan.model_dollars_per_month:,.2f}, machines"
        f" ${plan.compute_dollars_per_month:,.2f}, storage ${plan.storage_dollars_per_month:,.2f}"
        f" (after a year); ${plan.dollars_per_job:.3f} a job"
    )
