"""`podium run` and `watch`: a job, from its request to its end."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from cli import competitions
from cli.commands.gateway import client_of, id_of
from cli.commands.options import Duration, home_option, job_argument, ndjson_option
from cli.places import home_at
from cli.screen import Screen, print_events, print_json
from events.catalogue import Priority
from podium.errors import PodiumError, UsageError

if TYPE_CHECKING:
    from podium.client import Client


class JobFailedError(PodiumError):
    """The job ended without a submission; its result was shown already."""


@click.command()
@click.argument("competition", metavar="URL_OR_FOLDER")
@click.option("--budget", type=Duration(), help="How long an attempt should take: 10m, 1h30m, 90s.")
@click.option("--time-limit", type=Duration(), help="When an attempt is stopped, finished or not.")
@click.option(
    "--priority", type=click.Choice(get_args(Priority)), help="Who starts first.  [default: normal]"
)
@click.option("--tag", "tags", multiple=True, help="A word to find the job by; may be given ten times.")
@click.option(
    "--dollars", type=click.FloatRange(min=0.0), help="What calls to a model may cost, all attempts."
)
@click.option("--submit", is_flag=True, help="Submit the answer to Kaggle.")
@click.option(
    "--webhook", metavar="URL", help="An address that is told how the job ends; see docs/webhooks.md."
)
@click.option("--key", help="Sent again with the same key, it is the same job.")
@click.option("--watch/--no-watch", default=True, help="Follow the job to its end.  [default: watch]")
@ndjson_option
@home_option
def run(
    competition: str,
    *,
    budget: int | None,
    time_limit: int | None,
    priority: Priority | None,
    tags: tuple[str, ...],
    dollars: float | None,
    submit: bool,
    webhook: str | None,
    key: str | None,
    watch: bool,
    as_json: bool,
    home: Path | None,
) -> None:
    """Solve a competition.

    \b
    URL_OR_FOLDER is a Kaggle address, local:NAME, or a folder with train, test and sample submission:
      podium run https://www.kaggle.com/competitions/titanic
      podium run local:titanic-passenger-survival --budget 5m
      podium run ./my-competition --no-watch
      podium run https://www.kaggle.com/competitions/titanic --dollars 0.25 --submit
    With --json: a line for each event; with --no-watch too, the new job as one document.
    """  # noqa: D301 - \b is how click is told to keep lines

    async def ask() -> None:
        address = _address(competition, home)
        async with client_of(home) as client:
            job_id = await client.run(
                address,
                budget_s=budget,
                time_limit_s=time_limit,
                priority=priority,
                tags=tags,
                dollars_max=dollars,
                submit=submit,
                webhook_url=webhook,
                key=key,
            )
            if watch:
                await _follow(client, job_id, as_json=as_json)
            elif as_json:
                print_json(await client.status(job_id))
            else:
                Screen().lines([f"job {job_id}", f"follow it with: podium watch {job_id}"])

    asyncio.run(ask())


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
@ndjson_option
@home_option
def watch(job: str, *, as_json: bool, home: Path | None) -> None:
    """Follow a job to its end.  JOB is its id, or `last`."""

    async def follow() -> None:
        async with client_of(home) as client:
            await _follow(client, await id_of(client, job), as_json=as_json)

    asyncio.run(follow())


async def _follow(client: Client, job_id: str, *, as_json: bool) -> None:
    """Follow a job and show how it ended.

    Raises:
        JobFailedError: not with a submission.
    """
    screen = Screen()
    async with aclosing(client.events(job_id)) as records:
        await (print_events(records) if as_json else screen.watch(records))
    view = await client.ended(job_id)
    if not as_json:
        screen.result(view, gateway_url=client.url)
    if view.status != "success":
        raise JobFailedError(
            f"Job {job_id} is {view.status}.", hint=f"`podium replay {job_id}` tells how it came to that."
        )
