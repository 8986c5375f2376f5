"""A job on the whole stack, seen from its submission to its success, past a gateway that is killed."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.e2e.stack import running
from tests.unit.executor.stage import agent

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page

    from tests.browser.chromium import Complaints

pytestmark = pytest.mark.asyncio(loop_scope="session")  # that of the browser

STAGES = ("analysis", "planning", "codegen", "training")
# A stage goes on when a file of its name appears: the test sees every state that it waits for.
_BODY = """
for stage in ("analysis", "planning", "codegen", "training"):
    say("stage_started", stage=stage)
    say("stage_progressed", stage=stage, fraction=0.5, message="half of " + stage)
    wait_for(Path(GO) / stage)
    say("stage_completed", stage=stage, summary="all of " + stage)
model("m")
succeed()
"""


async def test_four_stages_move_and_a_killed_gateway_leaves_no_gap(
    page: Page, complaints: Complaints, tmp_path: Path, database_url: str
) -> None:
    go = tmp_path / "go"
    go.mkdir()
    (tmp_path / "competitions" / "t" / "public").mkdir(parents=True)
    command = agent(tmp_path / "agent", f"GO = {str(go)!r}\n{_BODY}")
    with await asyncio.to_thread(
        lambda: running(
            tmp_path,
            database_url,
            modules={"executor": "tests.chaos.executor"},
            PODIUM_CHAOS_AGENT=json.dumps(command),
            PODIUM_EXECUTOR_ID="page",
        )
    ) as stack:
        await page.goto(stack.url)
        await page.get_by_role("textbox", name="Competition").fill("local:t")
        await page.get_by_role("button", name="Solve").click()
        for stage in STAGES:
            bar = page.get_by_role("progressbar", name=stage)
            await expect(bar).to_have_attribute("aria-valuenow", "50", timeout=30_000)
            await expect(page.get_by_text(f"half of {stage}", exact=True)).to_be_visible()
            if stage == "planning":
                complaints.expect("net::ERR_")  # nobody listens, for a while
                stack.kill("gateway")
                await expect(page.locator("#link")).to_have_text("Reconnecting…")
            (go / stage).touch()
            if stage == "planning":
                await asyncio.sleep(0.5)  # things happen that nobody sees
                stack.start("gateway")
            await expect(bar).to_have_attribute("aria-valuenow", "100", timeout=30_000)
        await expect(page.locator("h1")).to_contain_text("success", timeout=30_000)
        await expect(page.get_by_role("link", name="submission.csv")).to_be_visible()
        job = page.url.rpartition("/")[2]
        seen = [await one.get_attribute("title") for one in await page.locator(".events button").all()]
        told = [f"sequence {event['sequence']}" for event in stack.events(job)]
        assert seen[::-1] == told
        await page.get_by_role("link", name="All jobs").click()
        await expect(page.get_by_role("link", name=re.compile("success.*0.5000 rmse"))).to_be_visible()
