"""`podium solve`: one attempt at a folder's competition, here and now, with no service at all."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import tempfile
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec
from rich.panel import Panel

from cli.commands.options import Duration, ndjson_option
from cli.competitions import competition_of, public_of
from cli.embedded.parts import ROOT
from cli.screen import Screen, print_events
from cli.spoken import end_of, event_of
from cli.views import facts_table, score_words
from events import catalogue as ev
from events import progress
from events.recorded import Recorded
from podium.errors import PodiumError, UsageError
from services.bubblewrap import bwrap_path

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_BUDGET_S_MIN: Final = 20
_STOP_S: Final = 10.0
_LOG: Final = "agent.log"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be solved, where results go, and what it may cost."""

    competition: str
    data_dir: Path
    output_dir: Path
    budget_s: int
    dollars: float


class LocalAttempt:
    """An attempt as a stream of events; after its end `last` is the agent's last word.

    `summary` is what the last stage that it completed says of itself.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._sequence = 0
        self._nonce = secrets.token_hex(16)
        self.last: progress.Message | None = None
        self.summary = ""

    async def records(self) -> AsyncGenerator[Recorded, None]:
        """What happens, as it happens.  Closed early, the agent and its script are stopped."""
        request = self._request
        job_id = request.competition
        yield self._record(
            ev.JobRequested(
                job_id=job_id,
                competition=job_id,
                source="local",
                kaggle_url=f"local:{job_id}",
                budget_s=request.budget_s,
            )
        )
        yield self._record(ev.AttemptScheduled(job_id=job_id, attempt=1))
        yield self._record(
            ev.AttemptStarted(
                job_id=job_id,
                attempt=1,
                executor="podium solve",
                runtime="process",
                cpus=float(os.cpu_count() or 1),
                memory_bytes=0,
            )
        )
        with tempfile.TemporaryDirectory(prefix="podium-") as work:
            async with aclosing(self._messages(Path(work))) as messages:
                async for message in messages:
                    self.last = message
                    if isinstance(message, progress.StageCompleted):
                        self.summary = message.summary
                    artifacts = self._artifacts(message)
                    yield self._record(event_of(message, job_id=job_id, artifacts=artifacts))
        if isinstance(self.last, progress.Succeeded | progress.Failed):
            yield self._record(end_of(self.last, job_id=job_id))

    def _record(self, event: ev.Event) -> Recorded:
        self._sequence += 1
        return Recorded(
            sequence=self._sequence,
            event_id=str(self._sequence),
            source="podium/solve",
            time=datetime.now(UTC),
            event=event,
        )

    def _artifacts(self, message: progress.Message) -> list[ev.Artifact]:
        if not isinstance(message, progress.Succeeded):
            return []
        sizes = {name: (self._request.output_dir / name).stat().st_size for name in message.artifacts}
        return [ev.Artifact(name=name, key=name, bytes=size, sha256="") for name, size in sizes.items()]

    async def _messages(self, work: Path) -> AsyncGenerator[progress.Message, None]:
        """What the agent says; what else it prints goes to a log beside its results."""
        request = self._request
        told = {
            "PODIUM_COMPETITION": request.competition,
            "PODIUM_DATA_DIR": str(request.data_dir.resolve()),
            "PODIUM_OUTPUT_DIR": str(request.output_dir.resolve()),
            "PODIUM_WORK_DIR": str(work),
            "PODIUM_BUDGET_S": str(request.budget_s),
            "PODIUM_DOLLARS": str(request.dollars),
            progress.NONCE_VARIABLE: self._nonce,
        }
        if bwrap := bwrap_path():
            told["PODIUM_BWRAP"] = str(bwrap)
        with (request.output_dir / _LOG).open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "agent"),
                cwd=ROOT,
                env=os.environ | told,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=progress.LINE_BYTES_MAX,
            )
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                spoken = progress.decode_line(line, nonce=self._nonce)
                if spoken is not None:
                    yield spoken.message
        finally:
            if process.returncode is None:
                process.terminate()  # It takes its script with it.
                await asyncio.wait_for(process.wait(), _STOP_S)


@click.command()
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--budget", type=Duration(), default="10m", show_default=True, help="How long it should take.")
@click.option(
    "--dollars",
    type=click.FloatRange(min=0.0),
    default=0.5,
    show_default=True,
    help="What calls to a model may cost, where ANTHROPIC_API_KEY is set.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where results go.  [default: ./podium-NAME]",
)
@ndjson_option
def solve(folder: Path, budget: int, dollars: float, output: Path | None, *, as_json: bool) -> None:
    """Solve a folder's competition here and now: no stack, no retries, nothing kept but the results.

    FOLDER holds train, test and a sample submission, as for `podium run`.
    """
    if budget < _BUDGET_S_MIN:
        raise UsageError(f"{budget} s are too few.", hint=f"Give at least {_BUDGET_S_MIN} s.")
    slug, public = competition_of(folder), public_of(folder)
    target = output or Path(f"podium-{slug}")
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(
        _solve(
            Request(competition=slug, data_dir=public, output_dir=target, budget_s=budget, dollars=dollars),
            as_json=as_json,
        )
    )


async def _solve(request: Request, *, as_json: bool) -> None:
    attempt, screen = LocalAttempt(request), Screen()
    async with aclosing(attempt.records()) as records:
        await (print_events(records) if as_json else screen.watch(records))
    if not isinstance(attempt.last, progress.Succeeded):
        words = (
            attempt.last.message if isinstance(attempt.last, progress.Failed) else "The agent fell silent."
        )
        raise PodiumError(words, hint=f"{request.output_dir / _LOG} has the details.")
    if as_json:
        return
    score = f"{attempt.last.metric} {score_words(attempt.last.score, attempt.last.fold_scores)}"
    facts = [("score", score), ("made by", attempt.summary)]
    facts += [(name, str(request.output_dir / name)) for name in attempt.last.artifacts]
    title = f"{request.competition}: success"
    card = Panel(facts_table(facts), title=title, border_style="green", title_align="left")
    screen.show(card, [f"{name} {fact}" for name, fact in facts])
