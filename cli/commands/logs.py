"""`podium logs`: what the processes of a job's attempts wrote."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from cli.commands.gateway import client_of, id_of
from cli.commands.options import home_option, job_argument

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@job_argument
@click.option("--follow", "-f", is_flag=True, help="Go on until the job has ended.")
@home_option
def logs(job: str, *, follow: bool, home: Path | None) -> None:
    """Print a job's log lines that are kept.  JOB is its id, or `last`."""

    async def show() -> None:
        async with client_of(home) as client:
            job_id = await id_of(client, job)
            if not follow:
                click.echo(await client.log_text(job_id), nl=False)
                return
            async for line in client.log_lines(job_id):
                at = line.time.isoformat(timespec="milliseconds")
                click.echo(f"{at} {line.attempt} {line.stream} {line.text}")

    asyncio.run(show())
