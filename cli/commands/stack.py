"""`podium up` and `podium down`: the stack on this machine."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from cli.commands.options import home_option, json_option
from cli.embedded import background
from cli.embedded.supervisor import run_stack
from cli.places import home_at, podium_command
from cli.screen import Screen, print_json
from cli.views import facts_table

if TYPE_CHECKING:
    from rich.status import Status

    from cli.embedded.home import Home, Stack


class _Progress:
    """Tells how the stack comes up, and what happens to it; see `cli.embedded.supervisor.Reporter`."""

    def __init__(self, screen: Screen, home: Home, *, as_json: bool) -> None:
        self._screen = screen
        self._as_json = as_json
        self._home = home
        self._began_at = time.monotonic()
        self._status: Status = screen.console.status("Starting …")
        if screen.is_live:
            self._status.start()

    def ready(self, name: str, address: str) -> None:
        self._screen.line(f"  {name:<9} {address}  ({time.monotonic() - self._began_at:.1f} s)")

    def up(self, stack: Stack) -> None:
        self._status.stop()
        self._screen.line(f"Podium is up after {time.monotonic() - self._began_at:.1f} s.", "bold green")
        _show(self._screen, stack, self._home, detached=False, as_json=self._as_json)

    def note(self, message: str) -> None:
        self._screen.line(f"{time.strftime('%H:%M:%S')} {message}", "yellow")

    def stopping(self) -> None:
        self._status.update("Stopping …")
        self._screen.line("Stopping …")


def _show(screen: Screen, stack: Stack, home: Home, *, detached: bool, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "gateway_url": stack.gateway_url,
                "events_url": stack.events_url,
                "redis_url": stack.redis_url,
                "database_url": stack.database_url,
                "home": str(home.folder),
                "logs": str(home.logs),
            }
        )
        return
    facts = [
        ("gateway", stack.gateway_url),
        ("schema", f"{stack.gateway_url}/schema"),
        ("events", f"{stack.events_url} (NATS, to read only: stream JOBS)"),
        ("REDIS_URL", stack.redis_url),
        ("DATABASE_URL", stack.database_url),
        ("logs", str(home.logs)),
        ("try", f"{podium_command()} run local:titanic-passenger-survival"),
        ("stop", f"{podium_command()} down" if detached else "Ctrl-C"),
    ]
    screen.show(facts_table(facts), [f"  {name:<13} {fact}" for name, fact in facts])


@click.command()
@home_option
@click.option("--port", type=click.IntRange(1, 65535), help="The gateway's port.  [default: 8080 if free]")
@click.option("--detach", is_flag=True, help="Leave it running in the background.")
@click.option(
    "--replay",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Show the log in an exported file, in a new folder, and run nothing of it.",
)
@json_option
def up(home: Path | None, port: int | None, *, detach: bool, replay: Path | None, as_json: bool) -> None:
    """Run the whole stack on this machine until Ctrl-C.

    \b
    Data stays in the stack's folder: started again, it goes on where it was.
      podium up
      podium up --home /data/podium --port 9000
    \b
    Look at the log of another system; the folder stays one to look at, and no job runs in it, ever:
      podium up --home ./a-copy --replay events.ndjson
    With --json: where its parts are, once it is up; words go to the standard error.
    """  # noqa: D301 - \b is how click is told to keep lines
    place = home_at(home)
    screen = Screen(Console(stderr=True, highlight=False)) if as_json else Screen()
    screen.line(f"Podium starts in {place.folder}", "bold")
    if detach:
        stack = background.start(place, port=port, replay=replay)
        _show(screen, stack, place, detached=True, as_json=as_json)
        return
    progress = _Progress(screen, place, as_json=as_json)
    asyncio.run(run_stack(place, port=port, environment=os.environ, reporter=progress, replay=replay))
    screen.line("Podium is down.")


@click.command()
@json_option
@home_option
def down(*, as_json: bool, home: Path | None) -> None:
    """Stop the stack of a folder, whoever started it."""
    place = home_at(home)
    stopped = background.stop(place)
    if as_json:
        print_json({"home": str(place.folder), "stopped": bool(stopped)})
        return
    Screen().line("Podium is down." if stopped else f"No stack runs in {place.folder}.")
