"""`podium archive`: the events of jobs that are long over, out of the log and into files."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.commands.backup import told
from cli.commands.options import Duration, home_option, json_option
from cli.places import nats_url
from cli.screen import print_json
from cli.transfer import connected
from services.archivist.archive import Archivist
from services.running import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.archivist.archive import Archived


@click.command()
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the files go; keep them.",
)
@click.option(
    "--older-than",
    "age_s",
    type=Duration(),
    default="30d",
    show_default=True,
    help="Only jobs that ended longer ago.",
)
@click.option("--yes", is_flag=True, help="Do it; without, only say what would be done.")
@json_option
@home_option
def archive(*, folder: Path, age_s: int, yes: bool, as_json: bool, home: Path | None) -> None:
    """Move the events of jobs that are long over from the log into compressed files.

    \b
    What they came to stays in the log: the job can be asked for as before, its row stays, its files too.
      podium archive --to /archive                        # say what would be done
      podium archive --to /archive --older-than 90d --yes
      podium replay JOB --file /archive/FILE              # what happened, from the file
    Everything may run meanwhile.  Killed at any time it has lost nothing; run it again.
    """  # noqa: D301 - \b is how click is told to keep lines
    url = nats_url(home)
    before = utc_now() - timedelta(seconds=age_s)

    async def move(tell: Callable[[str], None]) -> Archived:
        async with connected(url) as client:
            return await Archivist(client, folder if yes else None, tell=tell).run(before=before)

    with told("Looking for jobs") as tell:
        done = asyncio.run(move(tell))
    if as_json:
        print_json(done)
        return
    click.echo(f"{done.jobs:,} jobs with {done.events:,} events {'are' if yes else 'would be'} archived.")
    for name in done.files:
        click.echo(f"  {folder / name}")
    for reason, count in done.left.items():
        click.echo(f"{count:,} older jobs stay: {reason}.")
    if not yes and done.jobs:
        click.echo("Say --yes to do it.")
