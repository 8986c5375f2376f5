"""The terminal, or whatever stands in for one: plain lines in a pipe, live views and colour on a screen."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec
from rich.console import Console
from rich.live import Live

from cli.lines import event_line, result_lines
from cli.views import live_view, result_card
from events.job import evolve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from rich.console import RenderableType

    from events.job import Job
    from events.recorded import Recorded
    from services.gateway.view import JobView

_REDRAW_S: Final = 0.25


def _wall_clock() -> datetime:
    return datetime.now(UTC)


class Screen:
    """Where a command's output goes."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.is_live = self.console.is_terminal

    def line(self, text: str, style: str = "") -> None:
        """One line, never broken; in a pipe as it is, its tabs too."""
        if self.is_live:
            self.console.print(text, style=style, markup=False, soft_wrap=True)
        else:
            print(text, file=self.console.file, flush=True)

    def lines(self, lines: Sequence[str]) -> None:
        """Lines, never broken."""
        for text in lines:
            self.line(text)

    def show(self, drawing: RenderableType, lines: Sequence[str]) -> None:
        """The drawing on a screen, the lines elsewhere."""
        if self.is_live:
            self.console.print(drawing)
        else:
            self.lines(lines)

    def result(self, view: JobView, *, gateway_url: str) -> None:
        """How a job stands."""
        self.show(result_card(view, gateway_url=gateway_url), result_lines(view, gateway_url=gateway_url))

    async def watch(
        self, records: AsyncIterator[Recorded], *, clock: Callable[[], datetime] = _wall_clock
    ) -> None:
        """Follow a job to its end; `clock` says what time it is for the job."""
        if self.is_live:
            await self._watch_live(records, clock)
        else:
            await self.timeline(records)

    async def timeline(self, records: AsyncIterator[Recorded]) -> None:
        """A line for each event."""
        created_at = None
        async for record in records:
            created_at = created_at or record.time
            text = event_line(record, created_at=created_at)
            if text is not None:
                self.line(text)

    async def _watch_live(self, records: AsyncIterator[Recorded], clock: Callable[[], datetime]) -> None:
        job: Job | None = None
        with Live(console=self.console, auto_refresh=False) as live:

            async def tick() -> None:
                while True:
                    draw()
                    await asyncio.sleep(_REDRAW_S)

            def draw() -> None:
                if job is not None:
                    live.update(live_view(job, now=clock()), refresh=True)

            ticking = asyncio.create_task(tick())
            try:
                async for record in records:
                    job = evolve(job, record)
            finally:
                ticking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await ticking
                draw()


async def print_events(records: AsyncIterator[Recorded]) -> None:
    """A JSON object a line for each event, as it happens."""
    async for record in records:
        fields = msgspec.to_builtins(record.event)
        print_json_line({"sequence": record.sequence, "time": record.time, **fields})


def print_json_line(data: object) -> None:
    """One JSON object on a line of its own, at once."""
    sys.stdout.buffer.write(msgspec.json.encode(data) + b"\n")
    sys.stdout.buffer.flush()


def print_json(data: object) -> None:
    """One JSON object."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(data), indent=2) + b"\n")
    sys.stdout.buffer.flush()


@contextlib.contextmanager
def counting(verb: str) -> Iterator[Callable[[int], None]]:
    """Tells on the standard error, where that is a screen, how many events there were so far."""
    console = Console(stderr=True, highlight=False)
    with console.status(f"0 events {verb}") as status:
        yield lambda count: status.update(f"{count:,} events {verb}")
