"""`podium run`, `status`, `jobs`, `watch`, `replay`, `cancel`: jobs, over a gateway's HTTP interface."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import competitions
from cli.client import Client
from cli.commands.options import Duration, home_option, job_argument, json_option
from cli.errors import PodiumError, UsageError
from cli.lines import job_lines
from cli.places import gateway_url, home_at
from cli.screen import Screen, print_events, print_json
from cli.views import jobs_table

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from events.recorded import Recorded

_LATEST = "last"


class JobFailedError(PodiumError):
    """The job ended without a submission; its result was shown already."""


@click.command()
@click.argument("competition", metavar="URL_OR_FOLDER")
@click.option("--budget", type=Duration(), help="How long an attempt should take: 10m, 1h30m, 90s.")
@click.option("--watch/--no-watch", default=True, help="Follow the job to its end.  [default: watch]")
@json_option
@home_option
def run(competition: str, *, budget: int | None, watch: bool, as_json: bool, home: Path | None) -> None:
    """Solve a competition.

    \b
    URL_OR_FOLDER is a Kaggle address, local:NAME, or a folder with train, test and sample submission:
      podium run https://www.kaggle.com/competitions/titanic
      podium run local:titanic-passenger-survival --budget 5m
      podium run ./my-competition --no-watch
    """  # noqa: D301 - \b is how click is told to keep lines
    asyncio.run(_run(competition, budget_s=budget, watch=watch, as_json=as_json, home=home))


async def _run(
    competition: str, *, budget_s: int | None, watch: bool, as_json: bool, home: Path | None
) -> None:
    address = _address(competition, home)
    async with _client(home) as client:
        job_id = await client.run(address, budget_s=budget_s)
        if watch:
            await _follow(client, job_id, as_json=as_json)
        elif as_json:
            print_json(await client.status(job_id))
        else:
            Screen().lines([f"job {job_id}", f"follow it with: podium watch {job_id}"])


def _address(competition: str, home: Path | None) -> str:
    """What the gateway is asked to solve; a folder is first put where the stack looks."""
    if "://" in competition or competition.lower().startswith("local:"):
        return competition
    if not Path(competition).exists():
        raise UsageError(
            f"{competition} is neither a folder here nor an address.",
            hint="Examples: https://www.kaggle.com/competitions/titanic, local:titanic-passenger-survival",
        )
    place = home_at(home)
    if os.environ.get("PODIUM_URL") or place.stack() is None:
        raise UsageError(
            "A folder can only be solved by a stack on this machine.",
            hint="Unset PODIUM_URL, start one with `podium up`, and name its folder by --home.",
        )
    return f"local:{competitions.place(Path(competition), place)}"


@click.command()
@job_argument
@json_option
@home_option
def status(job: str, *, as_json: bool, home: Path | None) -> None:
    """Show a job as it is now.  JOB is its id, or `last`."""

    async def show() -> None:
        async with _client(home) as client:
            view = await client.status(await _id_of(client, job))
            if as_json:
                print_json(view)
            else:
                Screen().result(view, gateway_url=client.url)

    asyncio.run(show())


@click.command("jobs")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="So many at most.")
@json_option
@home_option
def job_list(limit: int, *, as_json: bool, home: Path | None) -> None:
    """List jobs, the newest first."""

    async def show() -> None:
        async with _client(home) as client:
            page = await client.jobs(limit=limit)
            if as_json:
                print_json(page)
            else:
                Screen().show(jobs_table(page), job_lines(page))

    asyncio.run(show())


@click.command()
@job_argument
@json_option
@home_option
def watch(job: str, *, as_json: bool, home: Path | None) -> None:
    """Follow a job to its end.  JOB is its id, or `last`."""

    async def follow() -> None:
        async with _client(home) as client:
            await _follow(client, await _id_of(client, job), as_json=as_json)

    asyncio.run(follow())


@click.command()
@job_argument
@home_option
def replay(job: str, *, home: Path | None) -> None:
    """Print what has happened to a job so far, a line an event.  JOB is its id, or `last`."""

    async def play() -> None:
        async with _client(home) as client:
            view = await client.status(await _id_of(client, job))
            await Screen().timeline(_up_to(client.events(view.job_id), view.sequence))

    asyncio.run(play())


@click.command()
@job_argument
@home_option
def cancel(job: str, *, home: Path | None) -> None:
    """Ask for a job to end.  JOB is its id, or `last`."""

    async def ask() -> None:
        async with _client(home) as client:
            job_id = await _id_of(client, job)
            await client.cancel(job_id)
            Screen().line(f"Job {job_id} will be cancelled; `podium status {job_id}` shows when it was.")

    asyncio.run(ask())


async def _follow(client: Client, job_id: str, *, as_json: bool) -> None:
    """Follow a job and show how it ended.

    Raises:
        JobFailedError: not with a submission.
    """
    screen = Screen()
    if as_json:
        await print_events(client, job_id)
    else:
        await screen.watch(client.events(job_id))
    view = await client.ended(job_id)
    if not as_json:
        screen.result(view, gateway_url=client.url)
    if view.status != "success":
        raise JobFailedError(
            f"Job {job_id} is {view.status}.", hint=f"`podium replay {job_id}` tells how it came to that."
        )


async def _up_to(records: AsyncGenerator[Recorded, None], sequence: int) -> AsyncIterator[Recorded]:
    async with aclosing(records):
        async for record in records:
            yield record
            if record.sequence >= sequence:
                return


async def _id_of(client: Client, job: str) -> str:
    if job != _LATEST:
        return job
    newest = (await client.jobs(limit=1)).jobs
    if not newest:
        raise UsageError("There are no jobs yet.", hint="Make one with `podium run`.")
    return newest[0].job_id


@asynccontextmanager
async def _client(home: Path | None) -> AsyncIterator[Client]:
    async with Client(gateway_url(home_at(home))) as client:
        yield client
