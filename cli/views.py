"""What a person sees of a job: pure functions from a job and a time to what `rich` can draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.filesize import decimal
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.durations import show_duration
from events.progress import STAGES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import RenderableType

    from events.job import Attempt, Job, JobStatus, ModelScore, StageState
    from events.progress import Stage
    from services.gateway.view import JobPage, JobView

_BAR_CHARS: Final = 24
STYLES: Final[dict[JobStatus, str]] = {
    "queued": "yellow",
    "running": "cyan",
    "retrying": "yellow",
    "success": "green",
    "failed": "red",
    "cancelled": "magenta",
}


def live_view(job: Job, *, now: datetime) -> RenderableType:
    """A job as it runs: what it is, a bar for each stage, the models' scores so far."""
    attempt = job.current
    parts: list[RenderableType] = [_heading(job, now), _stages(attempt)]
    if attempt is not None:
        parts += [Text(f"  ! {note}", style="yellow") for note in attempt.notes]
        if attempt.models:
            parts.append(models_table(attempt.models))
    return Group(*parts)


def _heading(job: Job, now: datetime) -> Text:
    elapsed = show_duration(((job.completed_at or now) - job.created_at).total_seconds())
    heading = Text.assemble(
        (job.competition, "bold"), "  ", (job.status, STYLES[job.status]), "  ", (elapsed, "bold"), "  "
    )
    if len(job.attempts) > 1:
        heading.append(f"attempt {len(job.attempts)}  ")
    heading.append(job.job_id, "dim")
    if job.status == "retrying" and job.not_before and job.current and job.current.failure:
        wait = show_duration((job.not_before - now).total_seconds())
        heading.append(f"\n  {job.current.failure.message} Another attempt in {wait}.", "yellow")
    return heading


def _stages(attempt: Attempt | None) -> Table:
    table = Table.grid(padding=(0, 1))
    known = {state.stage: state for state in attempt.stages} if attempt else {}
    for stage in STAGES:
        table.add_row(*_stage_row(stage, known.get(stage)))
    return table


def _stage_row(stage: Stage, state: StageState | None) -> tuple[RenderableType, ...]:
    fraction = state.fraction if state else 0.0
    done = state is not None and state.completed_at is not None
    mark = Text("✓" if done else "·" if state is None else "▸", style="green" if done else "cyan")
    message = Text(state.message if state else "", overflow="ellipsis", no_wrap=True)
    bar = ProgressBar(total=1.0, completed=fraction, width=_BAR_CHARS)
    return (mark, Text(f"{stage:<8}"), bar, Text(f"{fraction:>4.0%}"), message)


def models_table(models: Sequence[ModelScore]) -> Table:
    """Models and their scores over out-of-fold rows, the spread being that of the folds."""
    table = Table.grid(padding=(0, 2))
    for model in models:
        table.add_row(
            Text(f"  {model.model}"), Text(f"{model.metric} {score_words(model.score, model.fold_scores)}")
        )
    return table


def score_words(score: float, fold_scores: Sequence[float]) -> str:
    """``0.4321 (folds 0.4200 to 0.4400)``."""
    if not fold_scores:
        return f"{score:.5g}"
    return f"{score:.5g} (folds {min(fold_scores):.5g} to {max(fold_scores):.5g})"


def result_card(view: JobView, *, gateway_url: str) -> RenderableType:
    """How a job ended: its score and where its files are, or why there are none."""
    return Panel(
        _result(view, gateway_url),
        title=f"{view.competition}: {view.status}",
        border_style=STYLES[view.status],
        title_align="left",
    )


def _result(view: JobView, gateway_url: str) -> RenderableType:
    if view.status != "success" or view.score is None:
        return Text(view.error.message if view.error else f"The job is {view.status}.")
    table = facts_table([("score", f"{view.metric} {score_words(view.score, view.fold_scores)}")])
    training = next((stage for stage in view.stages if stage.stage == "training"), None)
    if training is not None:
        table.add_row("made by", Text(training.message, overflow="fold"))
    if view.dollars:
        table.add_row("model calls", f"${view.dollars:.2f}")
    if disk := disk_words(view):
        table.add_row("disk", disk)
    if view.archive is not None:
        table.add_row("events", f"{view.archive.events:,} in {view.archive.file}")
    for artifact in view.artifacts:
        table.add_row(artifact.name, Text(f"{gateway_url}{artifact.url}", overflow="fold"))
    return table


def disk_words(view: JobView) -> str | None:
    """What the job's largest attempt took on its executor's disk, None where nobody looked."""
    peaks = [one.disk_bytes_peak for one in view.attempts if one.disk_bytes_peak is not None]
    return f"{decimal(max(peaks))} at most" if peaks else None


def facts_table(facts: Sequence[tuple[str, str]]) -> Table:
    """Names and what they are, in two columns."""
    table = Table.grid(padding=(0, 2))
    for name, fact in facts:
        table.add_row(Text(name, style="bold"), Text(fact, overflow="fold"))
    return table


def jobs_table(page: JobPage) -> Table:
    """Jobs as a list, the newest first."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("job", "competition", "status", "stage", "score", "created"):
        table.add_column(column, no_wrap=column in {"job", "created"})
    for job in page.jobs:
        table.add_row(
            job.job_id,
            job.competition,
            Text(job.status, style=STYLES[job.status]),
            job.stage or "",
            "" if job.score is None else f"{job.metric} {job.score:.5g}",
            f"{job.created_at:%Y-%m-%d %H:%M:%S}",
        )
    return table
