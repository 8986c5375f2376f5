"""`podium events export` and `import`: a log as a file, to keep, to move, to look at elsewhere."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from cli import transfer
from cli.commands.options import home_option, json_option
from cli.places import nats_url, replicas
from cli.screen import counting, print_json
from podium.errors import PodiumError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.group()
def events() -> None:
    """Move a log of events: export it to a file, import it into an empty NATS.

    \b
    NATS is the one of $NATS_URL, or that of the stack in --home.
      podium events export events.ndjson
      podium events export --job ID | gzip > job.ndjson.gz
      NATS_URL=nats://elsewhere:4222 podium events import events.ndjson
    \b
    To look at another system's log, with nothing running but what shows it:
      podium up --home ./a-copy --replay events.ndjson
    """  # noqa: D301 - \b is how click is told to keep lines


@events.command("export")
@click.option("--job", help="Only the events of the job with this id.")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@json_option
@home_option
def export(*, job: str | None, file: Path | None, as_json: bool, home: Path | None) -> None:
    """Write the log to FILE, or to the standard output: one JSON object a line, each event as it is stored.

    The files that jobs made are not part of a log.  With --json and FILE: how many events, as JSON.
    """
    if as_json and file is None:
        raise UsageError("The standard output is where the events go.", hint="Name a FILE for them.")
    url = nats_url(home)

    async def copy(output: IO[bytes]) -> int:
        with counting("exported") as progress:
            async with transfer.connected(url) as client:
                return await transfer.export(client, job_id=job, write=output.write, progress=progress)

    with _output(file) as output:
        count = asyncio.run(copy(output))
    _tell(count, "exported", as_json=as_json)


@events.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path, allow_dash=True))
@json_option
@home_option
def import_(*, file: Path, as_json: bool, home: Path | None) -> None:
    """Put a whole exported log into a NATS whose log is empty, each event with the sequence that it had.

    Refused while anything follows that log: the services that are started on it afterwards go on where it
    ends, so jobs that had not ended will run.
    """
    url = nats_url(home)

    async def copy(lines: IO[bytes]) -> int:
        with counting("imported") as progress:
            async with transfer.connected(url) as client:
                return await transfer.import_log(client, lines, replicas=replicas(), progress=progress)

    with click.open_file(str(file), "rb") as lines:
        count = asyncio.run(copy(lines))
    _tell(count, "imported", as_json=as_json)


def _tell(count: int, verb: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"events": count})
    else:
        click.echo(f"{count} events {verb}.", err=True)


@contextmanager
def _output(file: Path | None) -> Iterator[IO[bytes]]:
    """Where lines go; a file appears under its name only once it is whole."""
    if file is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if file.exists():
        raise UsageError(f"{file} is there already.", hint="Choose another name, or remove it first.")
    part = file.with_name(f"{file.name}.part")
    try:
        with part.open("wb") as output:
            yield output
        part.rename(file)
    except OSError as error:
        raise PodiumError(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
