"""The gateway's table over connections that end in asyncpg's several ways."""

from __future__ import annotations

import asyncpg
import pytest

from services.gateway.jobs_table import JobsTable, TableError


class BrokenPool:
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def fetch(self, query: str, *values: object, timeout: float) -> list[asyncpg.Record]:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InternalClientError("got result for unknown protocol state"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.AdminShutdownError("terminating connection"),
        ConnectionResetError(),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_however_a_connection_ends_the_table_is_away(error: Exception) -> None:
    table = JobsTable("postgresql://nobody@nowhere/none")
    table._pool = BrokenPool(error)
    with pytest.raises(TableError):
        await table.find("j")
