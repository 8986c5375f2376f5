"""A gateway that wants keys: the page asks for one, lives by it, and forgets it when told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from services.key_store import KeyStore
from services.running import utc_now
from tests.integration.gateway_serving import ended_job, migrated, serving

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.browser.chromium import Complaints
    from tests.servers import NatsServer

pytestmark = pytest.mark.asyncio(loop_scope="session")  # that of the browser


async def test_the_page_asks_for_a_key_and_lives_by_it(
    nats_server: NatsServer, database_url: str, page: Page, complaints: Complaints
) -> None:
    async with (
        nats_server.connection() as connection,
        migrated(database_url),
        serving(nats_server, database_url=database_url, keys_required=True) as gateway,
    ):
        made, token = await KeyStore(connection).make(
            name="page", scopes=("submit", "read"), now=utc_now(), expires_at=None
        )
        job_id = await ended_job(gateway, owner=made.id)
        complaints.expect("status of 401")  # the browser's own line for the answers that this is about
        await page.goto(str(gateway.client.base_url))
        field, link = page.get_by_label("API key"), page.locator("#link")
        await field.fill(token[:-1])
        await field.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("not one that counts")
        await field.fill(token)
        await field.press("Enter")
        await expect(link).to_have_text("Live")
        assert token not in await page.evaluate("document.cookie + document.documentElement.outerHTML")
        await page.evaluate("id => { location.hash = `#/jobs/${id}`; }", job_id)
        async with page.expect_download() as download:
            await page.get_by_role("link", name="submission.csv").click()
        assert (await (await download.value).path()).read_text() == "id,y\n1,2\n"
        await page.get_by_role("button", name="Sign out").click()
        await expect(field).to_be_focused()
        await page.reload()
        await expect(field).to_be_visible()
        await page.goto("about:blank")
