"""`podium keys`: make, list and revoke the API keys of a gateway, in the NATS that it shares."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import click
from nats.errors import Error as NatsError
from rich.table import Table
from rich.text import Text

from cli.commands.options import home_option, json_option
from cli.places import nats_url
from cli.reaching import reach
from cli.screen import Screen, print_json
from podium.errors import StackError, UsageError
from services.api_keys import NAME_CHARS_MAX, SCOPES, USUAL, state_of
from services.key_store import KeyStore, KeyStoreError, NoSuchKeyError, ensure_key_bucket
from services.running import utc_now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path

    from services.api_keys import ApiKey, Scope

_ANSWER_S = 3.0
_COLUMNS = ("id", "name", "scopes", "state", "created", "expires", "last used")


@click.group()
def keys() -> None:
    """Make, list and revoke API keys.

    \b
    A gateway that listens beyond this machine asks for one, as Authorization: Bearer pk_…
      podium keys create --name ci
      podium keys create --name ops --admin
      podium keys revoke 9f86d081884c
    They are kept in NATS: that of $NATS_URL, or of the stack in --home.
    """  # noqa: D301 - \b is how click is told to keep lines


@keys.command()
@click.option("--name", required=True, help="Whose it is, or what for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([one for one in SCOPES if one != "admin"]),
    help="What it may do; may be given several times.  [default: all of these]",
)
@click.option("--admin", is_flag=True, help="It may do everything, with everybody's jobs.")
@click.option("--days", type=click.IntRange(1), help="How long it counts.  [default: until it is revoked]")
@json_option
@home_option
def create(
    *,
    name: str,
    scopes: tuple[str, ...],
    admin: bool,
    days: int | None,
    as_json: bool,
    home: Path | None,
) -> None:
    """Make a key and print it, this once: only a hash of it is kept."""
    if not 0 < len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise UsageError(f"A name has 1 to {NAME_CHARS_MAX} characters that can be printed.")
    if admin and scopes:
        raise UsageError("--admin may do everything: --scope adds nothing.")
    wanted = ("admin",) if admin else tuple(dict.fromkeys(scopes)) or USUAL

    async def make() -> None:
        now = utc_now()
        async with _store(home) as store:
            key, token = await store.make(
                name=name,
                scopes=cast("tuple[Scope, ...]", wanted),
                now=now,
                expires_at=now + timedelta(days=days) if days else None,
            )
        if as_json:
            print_json({"id": key.id, "token": token, "scopes": key.scopes, "expires_at": key.expires_at})
            return
        screen = Screen()
        screen.line(token, "bold")
        screen.line("This is the only time that it is shown. Use it: export PODIUM_API_KEY=…", "yellow")

    asyncio.run(make())


@keys.command("list")
@json_option
@home_option
def list_keys(*, as_json: bool, home: Path | None) -> None:
    """List all keys, those that count no more too; never the keys themselves."""

    async def show() -> None:
        async with _store(home) as store:
            found, used = await store.all(), await store.used()
        ordered = sorted(found.values(), key=lambda key: key.created_at)
        rows = [_row(key, used.get(key.id)) for key in ordered]
        if as_json:
            print_json([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
            return
        table = Table(*_COLUMNS, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*(Text(cell or "-") for cell in row))
        Screen().show(table, ["  ".join(cell or "-" for cell in row) for row in rows])

    asyncio.run(show())


@keys.command()
@click.argument("key_id", metavar="ID")
@json_option
@home_option
def revoke(key_id: str, *, as_json: bool, home: Path | None) -> None:
    """Let a key count no more, at once, for ever.  Its jobs go on; only admins see them then."""

    async def end() -> None:
        async with _store(home) as store:
            try:
                key = await store.revoke(key_id, now=utc_now())
            except NoSuchKeyError:
                raise UsageError(
                    f"There is no key {key_id}.", hint="`podium keys list` shows their ids."
                ) from None
        if as_json:
            print_json({"id": key.id, "name": key.name, "revoked_at": key.revoked_at})
            return
        Screen().line(f"Key {key.id} ({key.name}) is revoked.")

    asyncio.run(end())


def _row(key: ApiKey, used_at: datetime | None) -> tuple[str | None, ...]:
    return (
        key.id,
        key.name,
        ",".join(key.scopes),
        state_of(key, utc_now()),
        _short(key.created_at),
        _short(key.expires_at),
        _short(used_at),
    )


def _short(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


@asynccontextmanager
async def _store(home: Path | None) -> AsyncIterator[KeyStore]:
    """The keys of a NATS.

    Raises:
        StackError: it is not there.
    """
    url = nats_url(home)
    try:
        async with asyncio.timeout(_ANSWER_S):
            connection = await reach(url, timeout_s=_ANSWER_S)
    except (NatsError, OSError, ValueError) as error:
        raise StackError(
            "NATS does not answer: " + (str(error) or type(error).__name__),
            hint="Set NATS_URL to its address, or name the folder of a running stack by --home.",
        ) from error
    try:
        await ensure_key_bucket(connection.jetstream())
        yield KeyStore(connection)
    except (KeyStoreError, NatsError) as error:
        raise StackError(str(error)) from error
    finally:
        await connection.close()
