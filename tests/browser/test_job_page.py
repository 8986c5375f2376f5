"""A job's page: any of its moments, hostile words, and everything by keyboard."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from msgspec.structs import replace
from playwright.async_api import expect

from events import catalogue as ev
from events import subjects
from events.job import fold
from services.log_line import LogLine
from services.logstream import LogLines, ensure_log_stream
from tests.browser import scenes

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.browser.chromium import Complaints
    from tests.integration.gateway_serving import Gateway
    from tests.servers import NatsServer

pytestmark = pytest.mark.asyncio(loop_scope="session")  # that of the browser

ADDRESS = "javascript:window.hacked=1"
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>"


async def test_the_slider_goes_to_any_moment_and_stays_there_while_things_happen(
    page: Page, address: str, gateway: Gateway
) -> None:
    events = scenes.running("titanic")
    job = events[0].job_id
    await gateway.write(*events)
    await page.goto(f"{address}/#/jobs/{job}")
    training = page.get_by_role("progressbar", name="training")
    await expect(training).to_have_attribute("aria-valuenow", "52")
    await expect(page.get_by_role("row", name="lightgbm")).to_be_visible()
    await expect(page.get_by_text(re.compile(r"^done in (9|10) min.* at most$"))).to_be_visible()
    moment = page.get_by_role("slider", name="Moment")
    await moment.press("Home")
    await expect(training).to_have_attribute("aria-valuenow", "0")
    await expect(page.locator("h1")).to_contain_text("queued")
    for _ in range(4):
        await moment.press("ArrowRight")
    analysis = page.get_by_role("progressbar", name="analysis")
    await expect(analysis).to_have_attribute("aria-valuenow", "12")
    await expect(page.get_by_text("No model has been scored yet.")).to_be_visible()
    await gateway.write(*scenes.scored(job, ["blend"]))
    await expect(page.locator(".events li")).to_have_count(len(events) + 1)
    await expect(analysis).to_have_attribute("aria-valuenow", "12")
    await page.get_by_role("button", name="Now").click()
    await expect(page.get_by_role("row", name="blend")).to_be_visible()
    await expect(page.locator(".plot svg .series")).to_have_count(3)
    await page.get_by_role("button", name="Attempt started").click()
    await expect(analysis).to_have_attribute("aria-valuenow", "0")


async def store(nats_server: NatsServer, job_id: str, line: LogLine) -> None:
    """Write a log line as an executor would, and wait until it lies in the stream."""
    async with nats_server.connection() as connection, asyncio.timeout(10):
        await ensure_log_stream(connection.jetstream(), bytes_max=2**20, days=1)
        lines = LogLines(connection)
        await lines.write(job_id, line)
        while await lines.last_place(job_id) != line.place:
            await asyncio.sleep(0.01)


async def test_hostile_words_are_words(
    page: Page, address: str, gateway: Gateway, nats_server: NatsServer, complaints: Complaints
) -> None:
    complaints.expect("/files/report.html'", "/files/x")  # what the report tried, in its frame
    request = scenes.requested("x")
    job = request.job_id
    artifact = await gateway.files.put(
        job_id=job, attempt=1, name="report.html", data=f"<h1>Report</h1>{HOSTILE}".encode()
    )
    await gateway.write(
        ev.JobRequested(job_id=job, competition=HOSTILE, source="local", kaggle_url=ADDRESS),
        ev.AttemptScheduled(job_id=job, attempt=1),
        ev.AttemptStarted(
            job_id=job, attempt=1, executor=HOSTILE, runtime=HOSTILE, cpus=1, memory_bytes=1, notes=(HOSTILE,)
        ),
        ev.StageStarted(job_id=job, attempt=1, stage="analysis"),
        ev.StageProgressed(job_id=job, attempt=1, stage="analysis", fraction=0.5, message=HOSTILE),
        ev.ModelEvaluated(
            job_id=job, attempt=1, model=HOSTILE, metric=HOSTILE, maximize=True, score=1, fold_scores=(1, 2)
        ),
        ev.AttemptSucceeded(
            job_id=job,
            attempt=1,
            task=HOSTILE,
            metric=HOSTILE,
            maximize=True,
            score=1,
            fold_scores=(1, 2),
            artifacts=(artifact, ev.Artifact(name=HOSTILE, key="k", bytes=1, sha256=HOSTILE)),
        ),
        ev.JobSucceeded(job_id=job, attempt=1),
    )
    await page.goto(address)
    await page.goto(f"{address}/#/jobs/{job}")
    await expect(page.locator("h1")).to_contain_text(HOSTILE)
    await expect(page.locator(".stages .message").first).to_have_text(HOSTILE)
    await expect(page.get_by_role("link", name=HOSTILE)).to_have_attribute(
        "href",
        f"/jobs/{job}/files/{quote(HOSTILE, safe='')}",
    )
    assert await page.locator("a[href^=javascript]").count() == 0
    line = LogLine(attempt=1, number=1, time=datetime.now(UTC), stream="stderr", text=HOSTILE)
    await store(nats_server, job, line)
    await page.get_by_text("Log", exact=True).click()
    await expect(page.get_by_role("log")).to_contain_text(HOSTILE)
    report = page.frame_locator("iframe")
    await expect(report.get_by_role("heading", name="Report")).to_be_visible()
    assert await page.evaluate("window.hacked") is None
    await page.get_by_role("link", name="All jobs").click()
    await expect(page.locator(".rows")).to_contain_text(HOSTILE)
    assert await page.evaluate("window.hacked") is None


async def test_a_job_is_submitted_and_cancelled_with_the_keyboard_alone(
    page: Page, address: str, gateway: Gateway
) -> None:
    await page.goto(address)
    await expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("textbox", name="Competition")).to_be_focused()
    await page.keyboard.type("https://www.kaggle.com/c/titanic")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_contain_text("titanic")
    job = page.url.rpartition("/")[2]
    for _ in range(2):
        await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Cancelling.")).to_be_visible()
    assert [record.event_type for record in await gateway.log.read_job(job)] == [
        "JobRequested",
        "JobCancelRequested",
    ]
    await gateway.write(ev.JobCancelled(job_id=job))
    await expect(page.locator("h1")).to_contain_text("cancelled")
    await expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_hidden()
    await page.get_by_role("button", name="Run again").press("Enter")
    await page.wait_for_url(lambda url: "/#/jobs/" in url and job not in url)
    again = (await gateway.log.read_job(page.url.rpartition("/")[2]))[0].event
    assert isinstance(again, ev.JobRequested)
    assert again.kaggle_url == "https://www.kaggle.com/competitions/titanic"


async def test_a_job_that_is_run_again_keeps_all_that_was_asked_for(
    page: Page, address: str, gateway: Gateway
) -> None:
    asked = replace(
        scenes.requested("titanic"), budget_s=60, dollars_max=0.5, tags=("a",), submit=True, submitter="ann"
    )
    await gateway.write(asked)
    await page.goto(f"{address}/#/jobs/{asked.job_id}")
    await page.get_by_role("button", name="Run again").click()
    await page.wait_for_url(lambda url: "/#/jobs/" in url and asked.job_id not in url)
    again = (await gateway.log.read_job(page.url.rpartition("/")[2]))[0].event
    assert again == replace(asked, job_id=again.job_id)


async def test_a_job_that_there_never_was(page: Page, address: str, complaints: Complaints) -> None:
    complaints.expect("status of 404")
    await page.goto(f"{address}/#/jobs/018f3c5e-0000-7000-8000-000000000001")
    await expect(page.get_by_role("heading", name="No such job")).to_be_visible()


async def test_an_archived_job_shows_what_its_events_came_to(
    page: Page, address: str, gateway: Gateway, nats_server: NatsServer
) -> None:
    events = scenes.running("titanic")
    job_id = events[0].job_id
    await gateway.write(*events, ev.JobCancelled(job_id=job_id))
    records = await gateway.log.read_job(job_id)
    job = fold(records)
    assert job is not None
    mark = ev.JobArchived(job_id=job_id, file="a.ndjson.zst", sha256="aa", events=len(records), job=job)
    last = await gateway.write(mark)
    async with nats_server.connection() as connection:
        await connection.jsm().purge_stream(subjects.STREAM, seq=last, subject=subjects.of_job(job_id))
    await page.goto(f"{address}/#/jobs/{job_id}")
    await expect(page.locator("h1")).to_contain_text("cancelled")
    await expect(page.get_by_role("progressbar", name="training")).to_have_attribute("aria-valuenow", "52")
    await expect(page.get_by_text("a.ndjson.zst")).to_be_visible()
