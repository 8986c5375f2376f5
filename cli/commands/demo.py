"""`podium demo`: from nothing to a graded submission of a bundled competition."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.panel import Panel

from cli.commands.options import Duration, home_option, json_option
from cli.competitions import BUNDLED
from cli.embedded import background
from cli.places import api_key, home_at, podium_command
from cli.screen import Screen, print_json
from cli.views import facts_table, score_words
from podium.client import Client
from podium.errors import PodiumError

if TYPE_CHECKING:
    from cli.embedded.home import Home
    from cli.grading import Grade
    from services.gateway.view import JobView

_SLUG: Final = "hourly-bike-rental-demand"
_BUDGET_S: Final = 60
_KEPT: Final = ("submission.csv", "solution.py", "report.html")


@click.command()
@click.option("--budget", type=Duration(), default="45s", show_default=True, help="How long to train.")
@json_option
@home_option
def demo(budget: int, *, as_json: bool, home: Path | None) -> None:
    """Solve a bundled competition, from nothing to a graded submission.

    Starts a stack in the background if none runs; it keeps running until `podium down`.
    With --json: the job, the folder of its files and their grade; words go to the standard error.
    """
    place = home_at(home)
    screen = Screen(Console(stderr=True, highlight=False)) if as_json else Screen()
    stack = place.stack()
    started_here = stack is None
    try:
        if stack is None:
            screen.line(f"Starting a stack in {place.folder} …", "bold")
            with screen.console.status("NATS, PostgreSQL, Valkey and the four services …"):
                stack = background.start(place)
        screen.line(f"The gateway is at {stack.gateway_url}")
        view, folder, grade = asyncio.run(_solve(stack.gateway_url, place, screen, budget_s=budget))
        if as_json:
            print_json({"job": view, "folder": str(folder), "grade": grade})
        else:
            _show(screen, _facts(view, grade, folder, stack.gateway_url))
    except (KeyboardInterrupt, click.Abort):
        if started_here:
            screen.line("Stopping the stack …")
            background.stop(place)
        raise


async def _solve(
    gateway_url: str, home: Home, screen: Screen, *, budget_s: int
) -> tuple[JobView, Path, Grade]:
    async with Client(gateway_url, api_key=api_key()) as client:
        job_id = await client.run(f"local:{_SLUG}", budget_s=budget_s)
        screen.line(f"Job {job_id}: local:{_SLUG}, {budget_s} s an attempt")
        await screen.watch(client.events(job_id))
        view = await client.ended(job_id)
        if view.status != "success":
            screen.result(view, gateway_url=gateway_url)
            raise PodiumError(f"Job {job_id} is {view.status}.", hint=f"`podium replay {job_id}` tells why.")
        folder = home.results / f"{_SLUG}-{job_id.rpartition('-')[2]}"
        submission = await _fetch(client, view, folder)
    with screen.console.status("Grading on the held-back answers …"):
        grade = _grade(submission)
    return view, folder, grade


def _show(screen: Screen, facts: list[tuple[str, str]]) -> None:
    card = Panel(facts_table(facts), title="A graded submission", title_align="left", border_style="green")
    screen.show(card, [f"{name:<17} {fact}" for name, fact in facts])


async def _fetch(client: Client, view: JobView, folder: Path) -> bytes:
    """Put the job's files into `folder`; the submission among them."""
    files = {
        artifact.name: await client.download(view, artifact.name)
        for artifact in view.artifacts
        if artifact.name in _KEPT
    }
    missing = sorted(set(_KEPT) - set(files))
    if missing:
        raise PodiumError(f"Job {view.job_id} left no {', '.join(missing)}.")
    _write(folder, files)
    return files["submission.csv"]


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def _grade(submission: bytes) -> Grade:
    # scikit-learn takes seconds to import, and no other command grades.
    from cli.grading import grade  # noqa: PLC0415

    return grade(BUNDLED / _SLUG, submission)


def _facts(view: JobView, grade: Grade, folder: Path, gateway_url: str) -> list[tuple[str, str]]:
    better = "higher" if grade.maximize else "lower"
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    served = next(artifact.url for artifact in view.artifacts if artifact.name == "report.html")
    podium = podium_command()
    assert view.score is not None
    return [
        ("submission", f"{shown}/submission.csv"),
        ("how it was made", f"{shown}/report.html and solution.py beside it"),
        ("in a browser", f"{gateway_url}{served}"),
        ("cross-validated", f"{view.metric} {score_words(view.score, view.fold_scores)}"),
        ("held-back answers", f"{grade.metric} {grade.score:.5g} ({better} is better)"),
        ("sample submission", f"{grade.metric} {grade.sample_score:.5g} on the same answers"),
        ("the stack", f"keeps running in the background; stop it with: {podium} down"),
        ("on Kaggle", "export KAGGLE_USERNAME=<name> KAGGLE_KEY=<key>"),
        ("", f"{podium} down; {podium} up --detach"),
        ("", f"{podium} run https://www.kaggle.com/competitions/titanic"),
    ]
