"""``make screenshots``: the page in each of its states, light and dark, on a desk and on a phone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cli.embedded.postgres import Postgres
from events.jetstream import JetStreamLog
from tests.browser import scenes
from tests.browser.chromium import started, why_no_chromium
from tests.integration.gateway_serving import migrated, project, serving
from tests.servers import NatsServer

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

    from events.catalogue import Artifact
    from tests.integration.gateway_serving import Gateway

STEP = timedelta(seconds=6)
EVENTS = 245
TARGET = Path(__file__).parents[2] / ".podium" / "screenshots"
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
REPORT = b"""<!doctype html><style>body{font:15px sans-serif;margin:2rem;max-width:46rem}</style>
<h1>Titanic</h1><p>The blend of three models scores 0.8361 accuracy over out-of-fold rows.</p>"""


async def artifacts(gateway: Gateway, job_id: str) -> tuple[Artifact, ...]:
    files = {
        "submission.csv": b"PassengerId,Survived\n" + b"892,0\n" * 418,
        "solution.py": b"import polars\n" * 400,
        "report.html": REPORT,
        "scores.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    }
    return tuple(
        [
            await gateway.files.put(job_id=job_id, attempt=1, name=name, data=data)
            for name, data in files.items()
        ]
    )


class Stepping:
    """A clock that moves on by some seconds each time it is read."""

    def __init__(self, start: datetime, step: timedelta) -> None:
        self._now, self._step = start, step

    def __call__(self) -> datetime:
        self._now += self._step
        return self._now


async def fill(gateway: Gateway) -> dict[str, str]:
    """Jobs in every state; the ids of those that get a picture of their own."""
    shown = {}
    for slug in ("house-prices-advanced-regression-techniques", "spaceship-titanic", "digit-recognizer"):
        request = scenes.requested(slug)
        await gateway.write(*scenes.finished(request, ()))
    shown["failed"] = await tell(gateway, scenes.failed("otto-group-product-classification-challenge"))
    await tell(gateway, scenes.cancelled("store-sales-time-series-forecasting"))
    request = scenes.requested("titanic")
    await gateway.write(*scenes.finished(request, await artifacts(gateway, request.job_id)))
    shown["finished"] = request.job_id
    shown["retrying"] = await tell(gateway, scenes.lost_once("nlp-getting-started"))
    shown["running"] = await tell(gateway, scenes.running("playground-series-s4e1"))
    await tell(gateway, [scenes.requested("bike-sharing-demand")])
    return shown


async def tell(gateway: Gateway, events: list[scenes.Event]) -> str:
    await gateway.write(*events)
    return events[0].job_id


async def shoot(browser: Browser, address: str, shown: dict[str, str]) -> None:
    for theme in ("light", "dark"):
        for size, (width, height) in SIZES.items():
            page = await browser.new_page(
                base_url=address,
                color_scheme=theme,
                viewport={"width": width, "height": height},
                has_touch=size == "phone",
            )
            await page.goto("/")
            await page.get_by_role("link", name="titanic").first.wait_for()
            await shot(page, f"board-{theme}-{size}")
            await page.get_by_role("textbox", name="Competition", exact=True).fill(
                "http://www.kaggle.com/c/titanic"
            )
            await page.get_by_role("textbox", name="Budget").fill("7")
            await page.get_by_text("More options").click()
            await page.get_by_role("textbox", name="Tags").fill("baseline a/b")
            await shot(page, f"form-error-{theme}-{size}")
            for name, job_id in shown.items():
                await page.goto(f"/#/jobs/{job_id}")
                await page.locator(".events li").first.wait_for()
                await shot(page, f"{name}-{theme}-{size}")
            await page.close()


async def shot(page: Page, name: str) -> None:
    """The whole page: in a window that is high enough, since a frame stays blank in a full-page picture."""
    width = page.viewport_size["width"]
    height = await page.evaluate("document.documentElement.scrollHeight")
    await page.set_viewport_size({"width": width, "height": height})
    await page.wait_for_timeout(400)
    await page.screenshot(path=TARGET / f"{name}.png")
    await page.set_viewport_size({"width": width, "height": SIZES["desktop" if width > 390 else "phone"][1]})


async def main() -> None:
    if why := why_no_chromium():
        raise SystemExit(why)
    TARGET.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="podium-screenshots-") as folder:
        Path(folder).chmod(0o755)
        nats, postgres = NatsServer(Path(folder)), Postgres(Path(folder) / "postgres")
        nats.start()
        database_url = postgres.start()
        try:
            async with (
                migrated(database_url) as rows,
                serving(nats, database_url=database_url) as gateway,
                nats.connection() as connection,
                started() as browser,
            ):
                clock = Stepping(datetime.now(UTC) - EVENTS * STEP, STEP)
                gateway.log = JetStreamLog(connection, source="scenes", clock=clock)
                for job_id in (shown := await fill(gateway)).values():
                    await project(rows, gateway.log, job_id)
                await shoot(browser, str(gateway.client.base_url), shown)
        finally:
            postgres.stop(timeout_s=10)
            nats.kill()
    print(f"{len(list(TARGET.glob('*.png')))} pictures in {TARGET}")


if __name__ == "__main__":
    asyncio.run(main())
