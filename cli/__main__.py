"""The `podium` program: its commands, and how errors look."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

from cli.lazily import LazyGroup
from cli.places import podium_version
from podium.errors import PodiumError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERRUPTED: Final = 130


_COMMANDS: Final = {
    "demo": "cli.commands.demo:demo",
    "up": "cli.commands.stack:up",
    "down": "cli.commands.stack:down",
    "doctor": "cli.commands.doctor:doctor",
    "run": "cli.commands.run:run",
    "solve": "cli.commands.solve:solve",
    "status": "cli.commands.jobs:status",
    "jobs": "cli.commands.jobs:job_list",
    "watch": "cli.commands.run:watch",
    "replay": "cli.commands.replay:replay",
    "logs": "cli.commands.logs:logs",
    "cancel": "cli.commands.jobs:cancel",
    "events": "cli.commands.events:events",
    "webhooks": "cli.commands.webhooks:webhooks",
    "archive": "cli.commands.archive:archive",
    "backup": "cli.commands.backup:backup",
    "restore": "cli.commands.backup:restore",
    "keys": "cli.commands.keys:keys",
    "projection": "cli.commands.projection:projection",
    "capacity": "cli.commands.capacity:capacity",
    "bench": "cli.commands.bench:bench",
}


@click.group(
    cls=LazyGroup,
    where=_COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(podium_version(), "-V", "--version", message="podium %(version)s")
@click.pass_context
def podium(context: click.Context) -> None:
    """Give it a competition, get back a scored, valid submission.csv.

    \b
    See it work, with nothing to set up:
      podium demo
    \b
    Solve one of Kaggle's (accept its rules on its page first):
      export KAGGLE_USERNAME=<name> KAGGLE_KEY=<key>
      podium up --detach
      podium run https://www.kaggle.com/competitions/titanic --budget 10m
    \b
    Solve a folder with train.csv, test.csv and a sample submission:
      podium run ./my-competition
    \b
    Talk to a stack elsewhere:
      PODIUM_URL=https://podium.example PODIUM_API_KEY=pk_… podium jobs
    \b
    Have the shell complete commands and options:
      eval "$(_PODIUM_COMPLETE=bash_source podium)"             # bash; zsh_source for zsh
      _PODIUM_COMPLETE=fish_source podium | source              # fish
    \b
    Exit codes:
      0    done
      1    the job failed, or what was looked at is not as it should be
      2    the command was not one that could work
      3    no stack answers, or none came up
      130  interrupted
    An error is a line and a hint on the standard error; --json leaves the standard output to JSON.
    """  # noqa: D301 - \b is how click is told to keep lines
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(words: Sequence[str] | None = None) -> None:
    """Run one command, by default the process's own; every error is one line, and one of what to do."""
    try:
        sys.exit(podium.main(words, prog_name="podium", standalone_mode=False))
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        path = context.command_path if context else "podium"
        _fail(UsageError(error.format_message().replace("\n", " "), hint=f"`{path} --help` tells more."))
    except PodiumError as error:
        _fail(error)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(_INTERRUPTED)


def _fail(error: PodiumError) -> None:
    console = Console(stderr=True, highlight=False)
    console.print(f"podium: {error}", style="red", markup=False, soft_wrap=True)
    console.print(f"  hint: {error.hint}", markup=False, soft_wrap=True)
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
