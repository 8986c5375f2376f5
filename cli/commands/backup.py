"""`podium backup` and `restore`: all that cannot be made again, in a folder and back."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from cli.commands.options import home_option, json_option
from cli.embedded.alone import nats_alone
from cli.places import given_nats_url, home_at, nats_url, replicas
from cli.screen import print_json
from cli.transfer import connected
from podium.errors import PodiumError, UsageError
from services.archivist.backup import back_up
from services.archivist.errors import ArchivistError, NotEmptyError
from services.archivist.restore import restore as put_back
from services.running import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.archivist.manifest import Manifest


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--no-artifacts", is_flag=True, help="Leave out the files that jobs made, and their log lines.")
@json_option
@home_option
def backup(*, folder: Path, no_artifacts: bool, as_json: bool, home: Path | None) -> None:
    """Copy all that cannot be made again into FOLDER, while everything runs.

    \b
    The log of events, API keys (as hashes), the secrets of webhooks and what became of each webhook, dead
    letters, the files that jobs made, and their log lines.  The rows in Postgres are made of the log.
      podium backup /backups/2026-01-31
    NATS is the one of $NATS_URL, or that of the stack in --home.  Keep the folder as you keep the secrets.
    """  # noqa: D301 - \b is how click is told to keep lines
    url = nats_url(home)

    async def copy(tell: Callable[[str], None]) -> Manifest:
        async with connected(url) as client:
            return await back_up(client, folder, artifacts=not no_artifacts, now=utc_now(), tell=tell)

    with told("The backup begins") as tell:
        made = asyncio.run(copy(tell))
    _show(made, "in the backup", as_json=as_json)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Delete first what is there.")
@json_option
@home_option
def restore(*, folder: Path, replace: bool, as_json: bool, home: Path | None) -> None:
    """Put the backup in FOLDER back into a NATS that holds nothing, and check that its log folds as it did.

    \b
    Nothing may follow the log there meanwhile: start the services afterwards, then make the rows anew where
    Postgres holds those of the lost log.
      NATS_URL=nats://… podium restore /backups/2026-01-31
      podium projection rebuild
    \b
    Without $NATS_URL it goes into the folder of a stack that is down, as `podium up` will find it:
      podium restore /backups/2026-01-31 --home ./anew
    Events keep their sequences.  What came after the backup is lost, and new events get its sequences.
    """  # noqa: D301 - \b is how click is told to keep lines
    wanted = replicas()

    async def put(url: str, tell: Callable[[str], None]) -> Manifest:
        async with connected(url) as client:
            return await put_back(client, folder, replicas=wanted, replace=replace, tell=tell)

    with told("The restore begins") as tell, _target(home) as url:
        made = asyncio.run(put(url, tell))
    _show(made, "put back; the log folds as it did", as_json=as_json)


@contextlib.contextmanager
def _target(home: Path | None) -> Iterator[str]:
    """The NATS to restore into: one that runs, or that of a folder in which no stack does."""
    place = home_at(home)
    if given_nats_url(home) is None and place.stack() is None:
        with nats_alone(place) as url:
            yield url
    else:
        yield nats_url(home)


@contextlib.contextmanager
def told(first: str) -> Iterator[Callable[[str], None]]:
    """Tells how far it is where the standard error is a screen, and what went wrong everywhere."""
    console = Console(stderr=True, highlight=False)
    try:
        with console.status(first) as status:
            yield status.update
    except NotEmptyError as error:
        raise UsageError(
            f"{error}.", hint="Restore into an empty NATS, or stop its services and say --replace."
        ) from error
    except ArchivistError as error:
        raise PodiumError(f"{error}.") from error


def _show(made: Manifest, what: str, *, as_json: bool) -> None:
    if as_json:
        streams = {part.shape.config["name"]: part.bytes for part in made.parts}
        print_json({"made_at": made.made_at, "log": made.log, "streams": streams})
        return
    size = sum(part.bytes for part in made.parts)
    click.echo(
        f"{made.log.messages:,} events of {made.log.jobs:,} jobs, up to {made.log.last:,}, and"
        f" {len(made.parts) - 1} other streams, {size / 1e6:,.1f} MB, are {what}."
    )
