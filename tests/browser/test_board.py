"""The board: what is there, what comes, what is looked for, and the form above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest
from playwright.async_api import expect

from events import catalogue as ev
from tests.browser import scenes
from tests.integration.gateway_serving import project

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

    from tests.browser.chromium import Complaints
    from tests.integration.gateway_serving import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")  # that of the browser


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("link").filter(has=page.get_by_text(name, exact=True))


async def test_an_empty_board_teaches_how_to_begin(page: Page, address: str) -> None:
    await page.goto(address)
    await expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    await expect(page.locator("pre")).to_contain_text(f"curl -X POST {address}/run")


async def test_jobs_come_move_and_are_found_without_a_reload(
    page: Page, address: str, gateway: Gateway
) -> None:
    await page.goto(address)
    await expect(page.locator("#link")).to_have_text("Live")
    events = scenes.running("titanic")
    await gateway.write(*events)
    await expect(row(page, "titanic")).to_contain_text("training: lightgbm, fold 3 of 5")
    job = events[0].job_id
    await gateway.write(*scenes.failed("otto"))
    await gateway.write(ev.JobCancelled(job_id=job))
    await expect(row(page, "titanic")).to_contain_text("cancelled", ignore_case=True)
    rows = page.locator(".rows .name strong")
    await expect(rows).to_have_text(["otto", "titanic"])
    await page.keyboard.press("/")
    await page.keyboard.type("TITAN")
    await expect(rows).to_have_text(["titanic"])
    await page.get_by_role("searchbox").fill("nothing like it")
    await expect(page.get_by_text("No job here is like that.")).to_be_visible()


async def test_older_jobs_come_in_pages_and_by_status(
    page: Page, address: str, gateway: Gateway, table_url: str
) -> None:
    rows = await asyncpg.connect(table_url)
    for number in range(52):
        end = scenes.cancelled if number % 26 else scenes.failed
        events = end(f"old-{number:02}")
        await gateway.write(*events)
        await project(rows, gateway.log, events[0].job_id)
    now = await gateway.parts.link.last_sequence()
    await rows.execute("UPDATE projection_checkpoint SET sequence = $1", now)
    await rows.close()
    await page.goto(address)
    names = page.locator(".rows .name strong")
    await expect(names).to_have_count(50)
    await expect(names.first).to_have_text("old-51")
    await page.get_by_role("searchbox").fill("ld-00")  # older than what is on the page
    await expect(names).to_have_text(["old-00"])
    await page.get_by_role("searchbox").fill("")
    await expect(names).to_have_count(50)
    await page.get_by_role("button", name="Older jobs").click()
    await expect(names).to_have_count(52)
    await expect(page.get_by_role("button", name="Older jobs")).to_be_hidden()
    await page.get_by_role("button", name="failed").click()
    await expect(names).to_have_text(["old-26", "old-00"])


async def test_a_wrong_address_is_told_while_it_is_typed_and_again_by_the_server(
    page: Page, address: str, complaints: Complaints
) -> None:
    await page.goto(address)
    url, note = page.get_by_role("textbox", name="Competition"), page.locator("#kaggle_url-note")
    await url.fill("http://www.kaggle.com/c/titanic")
    await expect(note).to_contain_text("does not start with https://")
    await url.fill("https://www.kaggle.com/c/titanic")
    await expect(note).to_have_text("Competition: titanic")
    budget = page.get_by_role("textbox", name="Budget")
    await budget.fill("29")
    await page.get_by_role("button", name="Solve").click()
    await expect(budget).to_be_focused()
    await expect(page.locator("#budget_s-note")).to_have_text("A whole number from 30 to 86400.")
    await budget.fill("90")
    await expect(page.locator("#budget_s-note")).to_have_text("That is 1 min 30 s.")
    await page.get_by_text("More options").click()
    limit = page.get_by_role("textbox", name="Stopped after")
    await limit.fill("5")
    await expect(page.locator("#time_limit_s-note")).to_have_text("A whole number from 60 to 99999.")
    await limit.fill("600")
    await page.get_by_role("combobox", name="Priority").select_option("high")
    await page.get_by_role("textbox", name="Model calls").fill("many")
    await expect(page.locator("#dollars_max-note")).to_have_text("A sum from 0 to 1000, such as 0.50.")
    await page.get_by_role("textbox", name="Model calls").fill("0.5")
    await page.get_by_role("textbox", name="Tags").fill("a b/c")
    await expect(page.locator("#tags-note")).to_contain_text('"b/c" is no tag')
    await page.get_by_role("textbox", name="Tags").fill("a, b")
    await page.get_by_role("checkbox", name="Submit the answer to Kaggle").check()
    complaints.expect("status of 422")  # the browser's own line for the answer that this is about
    await url.fill("local:titanic")
    async with page.expect_request("**/run") as asked:
        await page.get_by_role("button", name="Solve").click()
    assert (await asked.value).post_data_json == {
        "kaggle_url": "local:titanic",
        "budget_s": 90,
        "time_limit_s": 600,
        "priority": "high",
        "dollars_max": 0.5,
        "tags": ["a", "b"],
        "submit": True,
    }
    await expect(note).to_contain_text("this server has no folder of competitions")
    await expect(url).to_be_focused()
