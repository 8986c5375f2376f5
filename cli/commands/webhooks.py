"""`podium webhooks`: what receivers were sent of a job, to send it again, and what it is signed with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from cli.commands.gateway import client_of, id_of
from cli.commands.options import home_option, job_argument, json_option
from cli.screen import Screen, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from services.gateway.view_webhooks import DeliveryView

_COLUMNS = ("webhook", "type", "state", "tries", "last answer", "next try", "url")


@click.group()
def webhooks() -> None:
    """See what receivers were sent of a job, send it again, make the secret that signs it.

    \b
      podium webhooks secret
      podium run URL --webhook https://you.example/podium
      podium webhooks list last
      podium webhooks redeliver last WEBHOOK
    What comes, and when it is tried again: docs/webhooks.md.
    """  # noqa: D301 - \b is how click is told to keep lines


@webhooks.command("list")
@job_argument
@json_option
@home_option
def list_(job: str, *, as_json: bool, home: Path | None) -> None:
    """List the webhooks of a job, the oldest first.  JOB is its id, or `last`."""

    async def show() -> None:
        async with client_of(home) as client:
            found = await client.webhooks(await id_of(client, job))
        if as_json:
            print_json(found)
            return
        rows = [_row(one) for one in found]
        table = Table(*_COLUMNS, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*map(Text, row))
        Screen().show(table, ["\t".join(row) for row in rows])

    asyncio.run(show())


@webhooks.command()
@job_argument
@click.argument("webhook", metavar="WEBHOOK")
@json_option
@home_option
def redeliver(job: str, webhook: str, *, as_json: bool, home: Path | None) -> None:
    """Send a webhook once more, now.  WEBHOOK is its id, as `podium webhooks list JOB` shows it."""

    async def ask() -> None:
        async with client_of(home) as client:
            job_id = await id_of(client, job)
            asked = await client.redeliver(job_id, webhook)
        if as_json:
            print_json(asked)
            return
        Screen().line(f"{webhook} is sent again; `podium webhooks list {job_id}` shows what came of it.")

    asyncio.run(ask())


@webhooks.command()
@json_option
@home_option
def secret(*, as_json: bool, home: Path | None) -> None:
    """Make a new secret, shown this once; the one before it stays valid for a day."""

    async def ask() -> None:
        async with client_of(home) as client:
            made = await client.new_webhook_secret()
        if as_json:
            print_json({"secret": made})
            return
        Screen().line(made)

    asyncio.run(ask())


def _row(delivery: DeliveryView) -> tuple[str, ...]:
    last = delivery.tries[-1] if delivery.tries else None
    answer = "" if last is None else last.error or (f"{last.status}" if last.status else "")
    next_at = delivery.next_at.isoformat(timespec="seconds") if delivery.next_at else ""
    return (
        delivery.webhook_id,
        delivery.kind,
        delivery.state,
        str(len(delivery.tries)),
        answer,
        next_at,
        delivery.url,
    )
