"""`podium replay`: what happened to a job, as a timeline, as a film, or as it stood at a moment."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click
import msgspec

from cli.changes import change_words, changes, fact_lines
from cli.commands.gateway import LATEST, client_of, id_of
from cli.commands.options import home_option, json_option
from cli.durations import show_duration
from cli.playback import Playback
from cli.screen import Screen, print_json
from events.archives import BrokenArchiveError, check_digest, lines_in
from events.catalogue import JobRequested
from events.job import evolve, fold
from events.lines import NotALineError, read_record
from podium.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cli.changes import Change
    from events.job import Job
    from events.recorded import Recorded

Until: TypeAlias = int | datetime


class _Moment(click.ParamType[Until]):
    name = "seq|time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Until:
        """A sequence, or a time in UTC where no offset is given."""
        try:
            if str(value).isdecimal():
                return int(value)
            at = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a sequence nor a time like 2026-01-31T12:00:00", param, ctx)
        return at if at.tzinfo else at.replace(tzinfo=UTC)


class _Speed(click.ParamType[float]):
    name = "n|max"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """How many times as fast as it was; infinity for `max`."""
        try:
            speed = float("inf") if value == "max" else float(value)
        except ValueError:
            speed = 0.0
        if not speed > 0:
            self.fail(f"{value!r} is neither a number above 0 nor max", param, ctx)
        return speed


@click.command()
@click.argument("job", required=False)
@click.option("--until", type=_Moment(), help="Show how the job stood at that sequence or time.")
@click.option("--speed", type=_Speed(), help="Play it as it happened: 1, 10, max.")
@click.option(
    "--file",
    "exported",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read an exported log, or an archive; no stack is needed.",
)
@json_option
@home_option
def replay(
    job: str | None,
    *,
    until: Until | None,
    speed: float | None,
    exported: Path | None,
    as_json: bool,
    home: Path | None,
) -> None:
    """Show what happened to a job, event by event, and what each changed.

    \b
    JOB is its id, or `last`; a file with one job in it needs none, and can be named in its place.
      podium replay last
      podium replay last --speed 10
      podium replay last --until 2026-01-31T12:00:00Z
      podium replay events.ndjson
      podium replay 01890a5d-ac96-774b-bcce-b302099a8057 --file 2026-01-01_2026-01-31_0123456789ab.ndjson.zst
    """  # noqa: D301 - \b is how click is told to keep lines
    if speed is not None and (until is not None or as_json):
        raise UsageError(
            "--speed plays a job's whole history, for a person.", hint="Leave out the other one."
        )
    if exported is None and job and job != LATEST and Path(job).is_file():
        exported, job = Path(job), None
    if exported is not None:
        records = _of_job(_read_file(exported), job, exported)
    elif job is not None:
        records = asyncio.run(_read_gateway(job, home))
    else:
        raise UsageError("Say which job: its id, or `last`.", hint="`podium jobs` lists them.")
    _show(records, until=until, speed=speed, as_json=as_json)


def _show(records: Sequence[Recorded], *, until: Until | None, speed: float | None, as_json: bool) -> None:
    if until is not None:
        _print_state(fold(up_to(records, until)), until, as_json=as_json)
    elif speed is not None:
        playback = Playback(records, speed=speed)
        asyncio.run(Screen().watch(playback.records(), clock=playback.now))
    elif as_json:
        for record, found in steps(records):
            sys.stdout.buffer.write(msgspec.json.encode(_step(record, found, records[0].time)) + b"\n")
        sys.stdout.buffer.flush()
    else:
        screen = Screen()
        screen.line(f"{records[0].time:%Y-%m-%d} UTC, job {records[0].event.job_id}", "bold")
        for record, found in steps(records):
            screen.line(step_line(record, found, began_at=records[0].time))


async def _read_gateway(job: str, home: Path | None) -> list[Recorded]:
    async with client_of(home) as client:
        return await client.log(await id_of(client, job))


def _read_file(path: Path) -> Iterator[Recorded]:
    try:
        check_digest(path)
        for number, line in enumerate(lines_in(path), start=1):
            yield _read_line(line, number, path)
    except BrokenArchiveError as error:
        raise UsageError(f"{error}.", hint="Take another copy of the file.") from error


def _read_line(line: bytes, number: int, path: Path) -> Recorded:
    try:
        return read_record(line)
    except NotALineError as error:
        raise UsageError(
            f"Line {number} of {path} is no event: {error}",
            hint="`podium events export` and `podium archive` write such files; so does GET /jobs/<id>/log.",
        ) from error


def _of_job(records: Iterator[Recorded], job: str | None, path: Path) -> list[Recorded]:
    """The records of one job among those of a file, in log order."""
    by_job: dict[str, list[Recorded]] = {}
    for record in records:
        if job in {None, LATEST, record.event.job_id}:
            by_job.setdefault(record.event.job_id, []).append(record)
    if job == LATEST:
        requested = [one for one, told in by_job.items() if isinstance(told[0].event, JobRequested)]
        by_job = {requested[-1]: by_job[requested[-1]]} if requested else {}
    if not by_job:
        raise UsageError(f"{path} holds no event of {'a job' if job is None else job}.")
    if len(by_job) > 1:
        raise UsageError(
            f"{path} holds {len(by_job)} jobs.", hint=f"Say which: podium replay JOB --file {path}."
        )
    return next(iter(by_job.values()))


def up_to(records: Sequence[Recorded], until: Until) -> list[Recorded]:
    """The records that had come by then; by time, up to the first one that had not."""
    if isinstance(until, int):
        return [record for record in records if record.sequence <= until]
    late = next((n for n, record in enumerate(records) if record.time > until), len(records))
    return list(records[:late])


def steps(records: Sequence[Recorded]) -> Iterator[tuple[Recorded, tuple[Change, ...]]]:
    """Each record with what it changed."""
    job: Job | None = None
    for record in records:
        before, job = job, evolve(job, record)
        yield record, changes(before, job)


def step_line(record: Recorded, found: tuple[Change, ...], *, began_at: datetime) -> str:
    """Sequence, time, time since the request, event, changes."""
    offset = show_duration((record.time - began_at).total_seconds())
    words = change_words(found, at=record.time) or "changes nothing"
    at = f"{record.time:%H:%M:%S}.{record.time.microsecond // 1000:03}"
    return f"{record.sequence:>7}  {at}  +{offset:<7}  {record.event_type:<18}  {words}"


def _step(record: Recorded, found: tuple[Change, ...], began_at: datetime) -> dict[str, Any]:
    return {
        "sequence": record.sequence,
        "id": record.event_id,
        "time": record.time,
        "offset_s": (record.time - began_at).total_seconds(),
        "source": record.source,
        "type": record.event_type,
        "data": record.event,
        "changes": {name: {"from": old, "to": new} for name, old, new in found},
    }


def _print_state(job: Job | None, until: Until, *, as_json: bool) -> None:
    if job is None:
        raise UsageError(f"There was no such job yet at {until}.")
    if as_json:
        print_json(job)
    else:
        Screen().lines(fact_lines(job))
