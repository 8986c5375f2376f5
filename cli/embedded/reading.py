"""A stack that only shows: a log from a file, with no scheduler and no executor that could act on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cli.embedded.home import Imported
from cli.transfer import connected, import_log
from podium.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path

    from cli.embedded.home import Home
    from cli.embedded.supervisor import Reporter

SERVICES: Final = ("projector", "gateway")
"""What runs beside the servers: neither of them starts an attempt, and the gateway takes no jobs."""

_NOTE_EVERY: Final = 100_000


def check(home: Home, replay: Path | None) -> None:
    """May the stack start here?

    Raises:
        StackError: the folder has a log already that is to be replaced, or only half of one.
    """
    imported = home.imported()
    if imported is not None and not imported.is_whole:
        raise StackError(
            f"{home.folder} holds only a part of {imported.file}.",
            hint="Remove that folder, and import into a new one.",
        )
    if replay is not None and home.has_log():
        again = "`podium up` without --replay shows it again" if imported else "it is of a stack's own jobs"
        raise StackError(
            f"There is a log in {home.folder} already.", hint=f"Name a new folder by --home ({again})."
        )


async def fill(home: Home, replay: Path, *, nats_url: str, reporter: Reporter) -> None:
    """Put the log of a file into the NATS that has just been started.

    Raises:
        PodiumError: see `cli.transfer`; the folder then holds a part, and no stack starts on it.
    """

    def progress(count: int) -> None:
        if count % _NOTE_EVERY == 0:
            reporter.note(f"{count:,} events imported")

    home.mark_imported(Imported(file=str(replay), is_whole=False))
    with replay.open("rb") as lines:
        async with connected(nats_url) as client:
            count = await import_log(client, lines, replicas=1, progress=progress)
    home.mark_imported(Imported(file=str(replay), is_whole=True))
    reporter.ready("log", f"{count:,} events of {replay}")
