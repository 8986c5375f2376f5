"""`podium logs`: what the processes of a job's attempts wrote."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from cli.commands.gateway import client_of, id_of
from cli.commands.options import home_option, job_argument, ndjson_option
from cli.screen import print_json_line

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@job_argument
@click.option("--follow", "-f", is_flag=True, help="Go on until the job has ended.")
@ndjson_option
@home_option
def logs(job: str, *, follow: bool, as_json: bool, home: Path | None) -> None:
    """Print a job's log lines that are kept.  JOB is its id, or `last`.

    Each begins with its time, its attempt and its stream.  Where the connection is lost, it goes on after the
    last line.
    """

    async def show() -> None:
        async with client_of(home) as client:
            job_id = await id_of(client, job)
            async with aclosing(client.log_lines(job_id, follow=follow)) as lines:
                async for line in lines:
                    if as_json:
                        print_json_line(line)
                    else:
                        at = line.time.isoformat(timespec="milliseconds")
                        click.echo(f"{at} {line.attempt} {line.stream} {line.text}")

    asyncio.run(show())
