"""What the page's tests share: a browser that must not complain, and a gateway with its table."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.browser.chromium import Complaints, started, why_no_chromium
from tests.e2e.database import own_database
from tests.integration.gateway_serving import migrated, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import asyncpg
    from playwright.async_api import Browser, Page

    from tests.integration.gateway_serving import Gateway
    from tests.servers import NatsServer


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    reason = why_no_chromium()
    if reason and os.environ.get("PODIUM_REQUIRE_CHROMIUM"):
        pytest.fail(f"Chromium is required here: {reason}")
    if reason:
        pytest.skip(reason)
    async with started() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A tab with a profile of its own."""
    async with await browser.new_context(reduced_motion="reduce") as context:
        yield await context.new_page()


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def complaints(page: Page) -> AsyncIterator[Complaints]:
    """Fails the test when the page threw, or broke its own policy, or logged any other error."""
    found = Complaints(page)
    yield found
    assert found.unexpected == []


@pytest.fixture(scope="session")
def table_url(postgres_url: str) -> Iterator[str]:
    """The database behind `gateway`."""
    with own_database(postgres_url) as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared(
    nats_server: NatsServer, table_url: str
) -> AsyncIterator[tuple[Gateway, asyncpg.Connection[asyncpg.Record]]]:
    """One gateway for all tests, and a connection to its table."""
    async with migrated(table_url) as rows, serving(nats_server, database_url=table_url) as running:
        yield running, rows


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(shared: tuple[Gateway, asyncpg.Connection[asyncpg.Record]]) -> Gateway:
    """The gateway, with a table that is empty and knows the log up to now."""
    running, rows = shared
    now = await running.parts.link.last_sequence()
    await rows.execute("TRUNCATE jobs, projection_checkpoint")
    await rows.execute("INSERT INTO projection_checkpoint (name, sequence) VALUES ('jobs', $1)", now)
    return running


@pytest_asyncio.fixture(loop_scope="session")
async def address(gateway: Gateway, page: Page) -> AsyncIterator[str]:
    """Where the gateway is; the page is left before that ends, which it would rightly complain of."""
    yield str(gateway.client.base_url).rstrip("/")
    await page.goto("about:blank")
