"""A stack whose executors run a script of a test's own in the place of the agent."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.stack import SERVICES, running
from tests.unit.executor.stage import agent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.e2e.stack import Stack

SLUG = "scripted"


@contextmanager
def scripted(
    home: Path,
    database_url: str,
    body: str,
    *,
    parts: Sequence[str] = SERVICES,
    accounts: bool = False,
    **settings: str,
) -> Iterator[Stack]:
    """A stack that is up; a script of `tests.unit.executor.stage` also has `marks`, a folder to write to."""
    marks = marks_of(home)
    marks.mkdir()
    (home / "competitions" / SLUG / "public").mkdir(parents=True)
    command = agent(home / "agent", f"marks = Path({str(marks)!r})\n{body}")
    modules = {"executor": "tests.chaos.executor"}
    told = {"PODIUM_CHAOS_AGENT": json.dumps(command), **settings}
    with running(home, database_url, modules=modules, parts=parts, accounts=accounts, **told) as stack:
        yield stack


def marks_of(home: Path) -> Path:
    """What the scripts write is here."""
    return home / "marks"


def is_alive(pid_file: Path) -> bool:
    """The process whose id is in a file runs, and is not only waiting to be taken note of."""
    try:
        stat = Path(f"/proc/{int(pid_file.read_text() or 0)}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
