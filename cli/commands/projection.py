"""`podium projection`: look after the rows that the gateway answers from, by the projector's own commands."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import click

from cli.commands.options import home_option, json_option
from cli.embedded.parts import importable, module_command
from cli.places import home_at
from podium.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def projection() -> None:
    """See, check or rebuild the table of jobs.

    \b
    The rows are a fold of the log and can be made again at any time:
      podium projection status
      podium projection verify
      podium projection rebuild
    Servers: $NATS_URL and $DATABASE_URL, or those of the stack in --home.
    """  # noqa: D301 - \b is how click is told to keep lines


@projection.command()
@json_option
@home_option
def status(*, as_json: bool, home: Path | None) -> None:
    """Show how far the rows are behind the log, and what could not be folded.

    Exits with 1 where the rows are of another log than the one there is.
    """
    _ask("status", home, as_json=as_json)


@projection.command()
@json_option
@home_option
def verify(*, as_json: bool, home: Path | None) -> None:
    """Compare all rows with a fresh fold of the log, and print what differs.

    Exits with 1 where anything does.
    """
    _ask("verify", home, as_json=as_json)


@projection.command()
@json_option
@home_option
def rebuild(*, as_json: bool, home: Path | None) -> None:
    """Fold the whole log anew beside the rows, then put the new ones in their place.

    The stack may run meanwhile; killed at any time, it can be run again.
    """
    _ask("rebuild", home, as_json=as_json)


def _ask(command: str, home: Path | None, *, as_json: bool) -> None:
    """Run the projector's command; it says itself what is wrong, its exit code is ours."""
    done = subprocess.run(  # noqa: S603 - our own module
        [*module_command("services.projector"), command, *(["--json"] if as_json else [])],
        env=importable(_servers(home)),
        check=False,
    )
    if done.returncode:
        sys.exit(done.returncode)


def _servers(home: Path | None) -> dict[str, str]:
    """The environment, with the addresses of the servers.

    Raises:
        StackError: nobody says where they are.
    """
    if home is None and os.environ.get("NATS_URL") and os.environ.get("DATABASE_URL"):
        return dict(os.environ)
    place = home_at(home)
    stack = place.stack()
    if stack is None:
        raise StackError(
            f"No stack runs in {place.folder}.",
            hint="Start one with `podium up`, or set NATS_URL and DATABASE_URL to other servers.",
        )
    return {**os.environ, "NATS_URL": stack.nats_url, "DATABASE_URL": stack.database_url}
