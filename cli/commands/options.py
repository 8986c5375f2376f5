"""Options and arguments that more than one command takes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli.durations import parse_duration_s

if TYPE_CHECKING:
    from collections.abc import Callable

_F = TypeVar("_F", bound="Callable[..., Any]")


class Duration(click.ParamType[int]):
    """A span of time in words, as seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """See `parse_duration_s`."""
        try:
            return parse_duration_s(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Moment(click.ParamType[datetime]):
    """A time, of UTC unless it says otherwise."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """ISO 8601, such as 2026-01-31 or 2026-01-31T12:00:00+01:00."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time; 2026-01-31T12:00:00 is one.", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def home_option(command: _F) -> _F:
    """``--home DIR``."""
    return click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        help="The stack's folder.  [default: $PODIUM_HOME or ./.podium]",
    )(command)


def json_option(command: _F) -> _F:
    """``--json``, for a command that prints one document."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def ndjson_option(command: _F) -> _F:
    """``--json``, for a command that goes on printing."""
    return click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line.")(command)


def job_argument(command: _F) -> _F:
    """A job's id."""
    return click.argument("job", metavar="JOB")(command)
