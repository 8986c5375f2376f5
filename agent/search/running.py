"""Runs a script that a model wrote on one view of the data, and takes its submission; nothing else of it."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from agent.scratch import remove_tree
from agent.training.script import Bounds, ending, run_solution
from agent.training.submission import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agent.brief import Brief
    from agent.search.views import View
    from agent.speech import Progress

_ERROR_CHARS_MAX: Final = 2_500
_SHARED: Final = Path("/dev/shm")  # noqa: S108 - the one place beside its folder where a script may write


class RunError(Exception):
    """A run that gave no valid submission; its text is for the one who repairs the script."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where scripts of a search run: a folder to work in, the agent's environment, processors."""

    work_dir: Path
    environment: Mapping[str, str]
    threads: int
    log: Callable[[str], None]


def run_on(
    script: Path, view: View, brief: Brief, place: Place, *, seconds: float, progress: Progress
) -> pl.DataFrame:
    """The submission of a run on `view`, as text, in the order of the view's sample submission.

    Raises RunError where it ended badly or left no valid submission.
    """
    results = place.work_dir / "answer"
    if results.exists():
        remove_tree(results)
    results.mkdir(parents=True)
    # Elsewhere it is one of the script's own, or closed to it; in a container nobody else's.
    with _swept(_SHARED) if os.getpid() == 1 else nullcontext():
        ended = run_solution(
            script,
            view.folder,
            results,
            bounds=Bounds(seconds=seconds, threads=place.threads),
            environment=place.environment,
            progress=progress,
            log=place.log,
            readable=view.linked,
        )
    if ended.exit_code != 0 or ended.overran is not None:
        said = cleaned(ended.error_tail, view.folder)
        raise RunError(f"The script did not end well: {ending(ended)}.\n{said}".strip())
    problems = check(results / "submission.csv", view.sample, brief)
    if problems:
        raise RunError("\n".join(problems))
    found = pl.read_csv(results / "submission.csv", infer_schema=False)
    ids = view.sample.select(brief.id_column)
    return ids.join(found, on=brief.id_column, how="left", maintain_order="left")


def cleaned(error: str, folder: Path) -> str:
    """The end of what a script wrote to stderr: printable, short, and without this machine's paths."""
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in error)
    text = text.replace(str(folder), "DIR")
    text = re.sub(r'File "[^"]*/([^"/]+)"', r'File "\1"', text)
    return text.strip()[-_ERROR_CHARS_MAX:]


@contextmanager
def _swept(shared: Path) -> Iterator[None]:
    """Delete what a run leaves where the next one could find it: no fold may tell another its answers."""
    before = set(shared.iterdir()) if shared.is_dir() else set()
    yield
    for left in set(shared.iterdir()) - before if shared.is_dir() else ():
        if left.is_dir() and not left.is_symlink():
            remove_tree(left)
        else:
            left.unlink(missing_ok=True)
