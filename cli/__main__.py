"""The `podium` program: its commands, and how errors look."""

from __future__ import annotations

import sys
from typing import Final

import click
from rich.console import Console

from cli.lazily import LazyGroup
from cli.places import podium_version
from podium.errors import PodiumError, UsageError

_INTERRUPTED: Final = 130


_COMMANDS: Final = {
    "demo": "cli.commands.demo:demo",
    "up": "cli.commands.stack:up",
    "down": "cli.commands.stack:down",
    "doctor": "cli.commands.doctor:doctor",
    "run": "cli.commands.jobs:run",
    "solve": "cli.commands.solve:solve",
    "status": "cli.commands.jobs:status",
    "jobs": "cli.commands.jobs:job_list",
    "watch": "cli.commands.jobs:watch",
    "replay": "cli.commands.replay:replay",
    "logs": "cli.commands.logs:logs",
    "cancel": "cli.commands.jobs:cancel",
    "events": "cli.commands.events:events",
    "keys": "cli.commands.keys:keys",
    "projection": "cli.commands.projection:projection",
}


@click.group(
    cls=LazyGroup,
    where=_COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
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
    Have the shell complete commands and options (zsh_source and fish_source for other shells):
      eval "$(_PODIUM_COMPLETE=bash_source podium)"
    \b
    Exit codes: 0 done, 1 the job failed, 2 wrong usage, 3 no stack answers.
    """  # noqa: D301 - \b is how click is told to keep lines
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Run one command; every error is one line, and one of what to do."""
    try:
        sys.exit(podium.main(prog_name="podium", standalone_mode=False))
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
    if error.hint:
        console.print(f"  hint: {error.hint}", markup=False, soft_wrap=True)
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
