"""`podium bench`: the measurements that come with the sources."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Final

import click

from cli.commands.options import json_option
from cli.embedded.parts import ROOT, importable, module_command
from cli.screen import Screen, print_json
from cli.views import facts_table
from podium.errors import PodiumError, UsageError

_FOLDER: Final = ROOT / "tests" / "bench"
_PREFIX: Final = "bench_"


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("name", required=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.option("-h", "--help", "help_wanted", is_flag=True, help="Show this message, or what NAME takes.")
@json_option
@click.pass_context
def bench(
    context: click.Context, name: str | None, words: tuple[str, ...], *, help_wanted: bool, as_json: bool
) -> None:
    """Measure how fast Podium is here; without NAME, list what can be measured.

    \b
    WORDS go to the measurement, which says itself what it takes:
      podium bench
      podium bench projector --help
      podium bench takeover
    Each prints what it measured beside a baseline of the same run.  They are part of the sources, and want
    the libraries that `make test` installs; `make bench-gateway` and `make bench-agent` bring rivals, too.
    """  # noqa: D301 - \b is how click is told to keep lines
    if help_wanted and name is None:
        click.echo(context.get_help())
        return
    found = _found()
    if name is None:
        facts = [(one, f"{what}.") for one, what in found.items()]
        if as_json:
            print_json([{"name": one, "measures": what} for one, what in facts])
        else:
            Screen().show(facts_table(facts), [f"{one:<10} {what}" for one, what in facts])
        return
    if as_json:
        raise UsageError("--json is for the list: measurements print words.")
    if name not in found:
        raise UsageError(f"There is no measurement {name}.", hint=f"There are {', '.join(found)}.")
    if find_spec("pytest") is None:
        raise PodiumError("Measurements want libraries that are not here.", hint="`make test` brings them.")
    asked = ("--help",) if help_wanted else words
    command = [*module_command(f"tests.bench.{_PREFIX}{name}"), *asked]
    sys.exit(subprocess.run(command, env=importable(os.environ), check=False).returncode)  # noqa: S603 - our own module


def _found() -> dict[str, str]:
    """Each measurement's name, and what it says of itself.

    Raises:
        PodiumError: there are no sources here.
    """
    files = sorted(_FOLDER.glob(f"{_PREFIX}*.py"))
    if not files:
        raise PodiumError("No measurements are here.", hint="They are in a checkout of the sources.")
    told = {file: ast.get_docstring(ast.parse(file.read_text())) or "" for file in files}
    return {file.stem.removeprefix(_PREFIX): _first_sentence(text) for file, text in told.items()}


def _first_sentence(text: str) -> str:
    return text.partition("\n")[0].rstrip(".")
