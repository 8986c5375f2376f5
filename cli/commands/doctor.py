"""`podium doctor`: what this machine lacks for Podium, what that means, and how to mend it."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Final, cast, get_args

import click
from rich.table import Table
from rich.text import Text

from cli import probes
from cli.commands.options import home_option, json_option
from cli.doctor import Facts, Runtime, examine, is_sound
from cli.embedded.image import agent_image
from cli.places import api_key, home_at
from cli.screen import Screen, print_json
from podium.errors import UsageError
from services.environment import Environment, SettingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cli.embedded.home import Home
    from cli.finding import Finding, State

_STYLES: Final[dict[State, str]] = {"ok": "green", "lacking": "yellow", "broken": "bold red"}


@click.command()
@json_option
@home_option
def doctor(*, as_json: bool, home: Path | None) -> None:
    """Look at all that Podium needs, and say how to mend what it lacks.

    \b
    Servers: $NATS_URL, $DATABASE_URL and $REDIS_URL, or those of the stack in --home; its gateway, or that
    of $PODIUM_URL, with $PODIUM_API_KEY.
    Exits with 1 where something needed is broken; what is only lacking costs speed or safety.
    """  # noqa: D301 - \b is how click is told to keep lines
    try:
        facts = asyncio.run(_facts(Environment(os.environ), home))
    except SettingError as error:
        raise UsageError(f"{error}.") from error
    findings = examine(facts)
    if as_json:
        print_json({"sound": is_sound(findings), "findings": findings})
    else:
        Screen().show(findings_table(findings), finding_lines(findings))
    if not is_sound(findings):
        sys.exit(1)


def findings_table(findings: Sequence[Finding]) -> Table:
    """A row for each finding; what is well takes one line."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("", "state", "found", "what it means", "how to mend it"):
        table.add_column(column, no_wrap=column in {"", "state"}, overflow="fold")
    for finding in findings:
        table.add_row(
            Text(finding.name, style="bold"),
            Text(finding.state, style=_STYLES[finding.state]),
            *(Text(words) for words in (finding.found, finding.meaning, finding.remedy)),
        )
    return table


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """The same for a pipe: a line for each, what it means and how to mend it after bars."""
    return [
        " | ".join(
            part for part in (f"{one.name:<17}  {one.state:<7}  {one.found}", one.meaning, one.remedy) if part
        )
        for one in findings
    ]


async def _facts(environment: Environment, folder: Path | None) -> Facts:
    home = home_at(folder)
    stack = home.stack()
    gateway_url = environment.optional("PODIUM_URL") or (stack.gateway_url if stack else None)
    nats_url, database_url, redis_url = _addresses(environment, home, named=folder is not None)
    image = environment.text("PODIUM_AGENT_IMAGE", agent_image())
    (nats, skew_s, webhooks_waiting), postgres, redis, (gateway, room), engine = await asyncio.gather(
        probes.nats_server(nats_url),
        probes.postgres_server(database_url),
        probes.redis_server(redis_url),
        probes.gateway(gateway_url, api_key()),
        probes.docker_engine(environment.optional("DOCKER_HOST"), image),
    )
    disk_path, disk_free_bytes = probes.disk_free(home.folder)
    return Facts(
        python=sys.version_info[:3],
        runtime=_runtime(environment),
        servers=(nats, postgres, redis, gateway),
        engine=engine,
        kept=probes.kept_in(os.environ, _model_code(environment)),
        disk_path=str(disk_path),
        disk_free_bytes=disk_free_bytes,
        skew_s=skew_s,
        webhooks_waiting=webhooks_waiting,
        room=room,
        secrets=probes.secrets_given(environment),
        has_openmp=probes.has_openmp(),
    )


def _addresses(environment: Environment, home: Home, *, named: bool) -> tuple[str | None, ...]:
    """Of NATS, Postgres and Redis: those in the environment, and else of the stack; a named home wins."""
    stack = home.stack()
    found = (stack.nats_url, stack.database_url, stack.redis_url) if stack else (None, None, None)
    given = tuple(environment.optional(name) for name in ("NATS_URL", "DATABASE_URL", "REDIS_URL"))
    return found if named or not any(given) else given


def _model_code(environment: Environment) -> str:
    choice = environment.optional("PODIUM_MODEL_CODE") or ""
    if choice not in {"", "allow", "refuse"}:
        raise SettingError(f"PODIUM_MODEL_CODE should be refuse or allow, or unset, not {choice!r}")
    return choice


def _runtime(environment: Environment) -> Runtime:
    choice = environment.text("PODIUM_RUNTIME", "auto")
    if choice not in get_args(Runtime):
        raise SettingError(f"PODIUM_RUNTIME should be docker, process or auto, not {choice!r}")
    return cast("Runtime", choice)
