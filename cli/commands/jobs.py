"""`podium status`, `jobs`, `cancel`: jobs as they stand, over a gateway's HTTP interface."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, get_args

import click

from cli.commands.gateway import client_of, id_of
from cli.commands.options import Moment, home_option, job_argument, json_option
from cli.lines import job_lines
from cli.screen import Screen, print_json
from cli.views import jobs_table
from events.job import JobStatus

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


@click.command()
@job_argument
@click.option("--at", type=click.IntRange(1), help="As it was after the event of this sequence.")
@json_option
@home_option
def status(job: str, *, at: int | None, as_json: bool, home: Path | None) -> None:
    """Show a job as it is now, or was.  JOB is its id, or `last`."""

    async def show() -> None:
        async with client_of(home) as client:
            view = await client.status(await id_of(client, job), at=at)
            if as_json:
                print_json(view)
            else:
                Screen().result(view, gateway_url=client.url)

    asyncio.run(show())


@click.command("jobs")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="So many at most.")
@click.option("--status", type=click.Choice(get_args(JobStatus)), help="Only jobs of this status.")
@click.option("--competition", help="Only jobs of this competition: its name as in its address.")
@click.option("--search", help="Only jobs of competitions with this in their name.")
@click.option("--tag", help="Only jobs with this tag.")
@click.option("--since", type=Moment(), help="Only jobs made then or later: 2026-01-31, or with a time; UTC.")
@click.option("--until", type=Moment(), help="Only jobs made before then.")
@click.option("--before", help="Only jobs older than the one with this id: the next page.")
@json_option
@home_option
def job_list(
    limit: int,
    *,
    status: JobStatus | None,
    competition: str | None,
    search: str | None,
    tag: str | None,
    since: datetime | None,
    until: datetime | None,
    before: str | None,
    as_json: bool,
    home: Path | None,
) -> None:
    """List jobs, the newest first."""

    async def show() -> None:
        async with client_of(home) as client:
            page = await client.jobs(
                limit=limit,
                before=before,
                status=status,
                competition=competition,
                search=search,
                tag=tag,
                since=since,
                until=until,
            )
            if as_json:
                print_json(page)
            else:
                Screen().show(jobs_table(page), job_lines(page))

    asyncio.run(show())


@click.command()
@job_argument
@json_option
@home_option
def cancel(job: str, *, as_json: bool, home: Path | None) -> None:
    """Ask for a job to end.  JOB is its id, or `last`."""

    async def ask() -> None:
        async with client_of(home) as client:
            job_id = await id_of(client, job)
            view = await client.cancel(job_id)
            if as_json:
                print_json(view)
                return
            Screen().line(f"Job {job_id} will be cancelled; `podium status {job_id}` shows when it was.")

    asyncio.run(ask())
