"""The gateway that a command talks to, and the job that it means."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from cli.places import api_key, gateway_url, home_at
from podium.client import Client
from podium.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LATEST: Final = "last"
"""The word for the newest job."""


@asynccontextmanager
async def client_of(home: Path | None) -> AsyncIterator[Client]:
    """A client of the gateway of $PODIUM_URL or of the stack in `home`."""
    async with Client(gateway_url(home_at(home)), api_key=api_key()) as client:
        yield client


async def id_of(client: Client, job: str) -> str:
    """The id that was given, or that of the newest job where `last` was.

    Raises:
        UsageError: there are no jobs yet.
    """
    if job != LATEST:
        return job
    newest = (await client.jobs(limit=1)).jobs
    if not newest:
        raise UsageError("There are no jobs yet.", hint="Make one with `podium run`.")
    return newest[0].job_id
